from dataclasses import replace

import pytest

from polyscale.report.numbers import NBSP
from polyscale.report.sections.answer import cost_lines, gain_sentence
from polyscale.report.sides import scale_gains

S2, DEARER = "pip:efficientnet_lite0@1,2", "pip:efficientnet_lite0@1,2,3"
FIGURES = {"difference": 0.04, "ci_low": 0.01, "ci_high": 0.07, "cost_ratio": 0.8}


def sentence_of(run, verdict, **facts):
    """The sentence of a verdict on multiply-adds with these facts."""
    facts = FIGURES | {"s2": (S2,), "weight": 0.0, "num_test_needed": None} | facts
    own = replace(next(c for c in verdict.costs if c.axis == "macs"), **facts)
    lines, others = cost_lines(run, replace(verdict, costs=(own,)))
    ((_, sentence),) = (*lines, *(line for lines in others.values() for line in lines))
    return sentence.replace(NBSP, " ")


GAP = "+4.0 points (95 % interval +1.0 to +7.0)"


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"outcome": "s2"}, f"and does better: {GAP}."),
        ({"outcome": "equivalent"}, f"and does as well: {GAP}, within the margin of ±1."),
        ({"outcome": "larger"}, f"and does worse: {GAP}."),
        (
            {"outcome": "inconclusive", "num_test_needed": 1060},
            f"and does better, but not with confidence: {GAP}. About 1,000 more test images would "
            "settle it.",
        ),
    ],
)
def test_within_the_budget(run, verdict, facts, said):
    sentence = sentence_of(run, verdict, rule="within", **facts)
    larger = next(c for c in verdict.costs if c.axis == "macs").larger.partition(":")[2][:-2]
    lead = f"efficientnet_lite0 at scales 1, 2 takes 0.8 × the multiply-adds of {larger} "
    assert sentence == lead + said


def test_beyond_the_budget_a_larger_model_that_is_no_worse_wins(run, verdict):
    sentence = sentence_of(run, verdict, rule="beyond", outcome="larger", cost_ratio=3.1)
    assert "takes 3.1 × the multiply-adds" in sentence
    assert f"and does no better: {GAP}." in sentence


def test_beyond_the_budget_better_and_dearer_is_open_for_good(run, verdict):
    sentence = sentence_of(run, verdict, rule="beyond", outcome="inconclusive", cost_ratio=3.1)
    assert "more images would not settle it" in sentence


def test_beyond_the_budget_unsure_is_open_for_now(run, verdict):
    facts = {"ci_low": -0.01, "num_test_needed": 120}
    sentence = sentence_of(run, verdict, rule="beyond", outcome="inconclusive", **facts)
    assert "whether it does better is open" in sentence
    assert sentence.endswith("About 60 more test images would settle it.")


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("s2", "is ahead"),
        ("larger", "is behind"),
        ("equivalent", "is level"),
        ("inconclusive", "is ahead, but not with confidence"),
    ],
)
def test_a_curve_that_is_cut_names_both_ends(run, verdict, outcome, said):
    sentence = sentence_of(run, verdict, rule="interpolated", s2=(S2, DEARER), outcome=outcome)
    assert sentence.startswith("At the multiply-adds of efficientnet_lite")
    assert f"between scales 1, 2 and scales 1, 2, 3 {said}: {GAP}" in sentence


def test_an_interval_that_holds_zero_is_open(run, verdict):
    facts = {"outcome": "inconclusive", "ci_low": -0.01}
    assert "may do better or worse: +4.0" in sentence_of(run, verdict, rule="within", **facts)
    facts |= {"rule": "interpolated", "s2": (S2, DEARER)}
    assert "may be ahead or behind: +4.0" in sentence_of(run, verdict, **facts)
    facts |= {"ci_low": -0.09, "difference": -0.05, "ci_high": -0.01}
    assert "is behind, but not with confidence: −5.0" in sentence_of(run, verdict, **facts)


def test_the_headline_s_larger_model_comes_first(run, verdict):
    lines, others = cost_lines(run, verdict)
    assert len(lines) + sum(map(len, others.values())) == len(verdict.costs)
    assert [cost.larger for cost, _ in lines] == [verdict.larger.candidate] * 4
    assert [cost.axis for cost, _ in lines] == ["macs", "latency_ms", "peak_bytes", "params"]
    for name, lines in others.items():
        assert {run.models[run.rows[cost.larger].backbone] for cost, _ in lines} == {name}


def test_a_gain_is_told_in_a_line(run):
    gain, _ = scale_gains(run)
    told = gain_sentence(run, gain).replace(NBSP, " ")
    points = f"{100 * gain.difference:+.1f}".replace("-", "−")
    assert told.startswith(
        f"efficientnet_lite0, scale 1 → scales 1, 2, 3: {points} points (95 % in"
    )


@pytest.mark.parametrize("task", ["segmentation", "depth"])
def test_a_verdict_at_equal_cost_is_said_in_the_metrics_own_direction(request, task):
    """The verdict's difference is turned so that more is better; what is read is not."""
    run = request.getfixturevalue(task)
    (verdict,) = run.verdicts
    facts = {"outcome": "s2", "ci_low": 0.01, "ci_high": 0.5}
    costs = [replace(c, difference=abs(c.difference), **facts) for c in verdict.costs]
    lines, others = cost_lines(run, replace(verdict, costs=tuple(costs)))
    for cost, sentence in (*lines, *(line for lines in others.values() for line in lines)):
        shown = run.words.sign * cost.difference
        text = f"{100 * shown:+.1f} points" if task == "segmentation" else f"{shown:+.3f} m"
        told = sentence.replace(NBSP, " ").replace("−", "-")
        assert f": {text} (95" in told
        assert "does better" in told or "is ahead" in told
