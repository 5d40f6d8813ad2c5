from dataclasses import replace

import pytest
from polyscale.report.cost_words import TAGS, cost_lines

from polyscale.report.names import model_names
from polyscale.report.numbers import NBSP

S2, DEARER = "pip:efficientnet_lite0@1,2", "pip:efficientnet_lite0@1,2,3"
FIGURES = {"difference": 0.04, "ci_low": 0.01, "ci_high": 0.07, "cost_ratio": 0.8}


def say(run, verdict, **facts):
    """The sentence of a verdict on multiply-adds with these facts."""
    facts = FIGURES | {"s2": (S2,), "weight": 0.0, "num_test_needed": None} | facts
    own = replace(next(c for c in verdict.costs if c.axis == "macs"), **facts)
    (line,) = cost_lines(replace(verdict, costs=(own,)), run.results, model_names(run.results))
    assert line.tag == TAGS[own.outcome]
    return line.sentence.replace(NBSP, " ")


GAP = "+4.0 points (95 % interval +1.0 to +7.0)"


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"outcome": "s2"}, f"and does better: {GAP}."),
        ({"outcome": "equivalent"}, f"and does as well: {GAP}, within the margin of ±1."),
        ({"outcome": "larger"}, f"and does worse: {GAP}."),
        (
            {"outcome": "inconclusive", "num_test_needed": 1240},
            f"and does better, by too little to be sure: {GAP}. About 1,000 more test images would "
            "settle it.",
        ),
    ],
)
def test_within_the_budget(run, verdict, facts, said):
    sentence = say(run, verdict, rule="within", **facts)
    larger = next(c for c in verdict.costs if c.axis == "macs").larger.partition(":")[2][:-2]
    lead = f"efficientnet_lite0 at scales 1, 2 takes 0.8 × the multiply-adds of {larger} "
    assert sentence == lead + said


def test_beyond_the_budget_a_larger_model_that_is_no_worse_wins(run, verdict):
    sentence = say(run, verdict, rule="beyond", outcome="larger", cost_ratio=3.1)
    assert "takes 3.1 × the multiply-adds" in sentence
    assert f"and does no better: {GAP}." in sentence


def test_beyond_the_budget_better_and_dearer_is_open_for_good(run, verdict):
    sentence = say(run, verdict, rule="beyond", outcome="inconclusive", cost_ratio=3.1)
    assert "more images would not settle it" in sentence


def test_beyond_the_budget_unsure_is_open_for_now(run, verdict):
    facts = {"ci_low": -0.01, "num_test_needed": 300}
    sentence = say(run, verdict, rule="beyond", outcome="inconclusive", **facts)
    assert "whether it does better is open" in sentence
    assert sentence.endswith("About 60 more test images would settle it.")


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("s2", "is ahead"),
        ("larger", "is behind"),
        ("equivalent", "is level"),
        ("inconclusive", "is ahead, by too little to be sure"),
    ],
)
def test_a_curve_that_is_cut_names_both_ends(run, verdict, outcome, said):
    sentence = say(run, verdict, rule="interpolated", s2=(S2, DEARER), outcome=outcome)
    assert sentence.startswith("At the multiply-adds of efficientnet_lite")
    assert f"between scales 1, 2 and scales 1, 2, 3 {said}: {GAP}" in sentence


def test_an_interval_that_holds_zero_is_open(run, verdict):
    facts = {"outcome": "inconclusive", "ci_low": -0.01}
    assert "may do better or worse: +4.0" in say(run, verdict, rule="within", **facts)
    facts |= {"rule": "interpolated", "s2": (S2, DEARER)}
    assert "may be ahead or behind: +4.0" in say(run, verdict, **facts)
    facts |= {"ci_low": -0.09, "difference": -0.05, "ci_high": -0.01}
    assert "is behind, by too little to be sure: −5.0" in say(run, verdict, **facts)


def test_the_headline_s_larger_model_comes_first(run, verdict):
    lines = cost_lines(verdict, run.results, model_names(run.results))
    assert len(lines) == len(verdict.costs)
    assert [line.verdict.larger for line in lines[:4]] == [verdict.larger.candidate] * 4
    assert {line.noun for line in lines} == {"multiply-adds", "time", "peak memory", "parameters"}
