from dataclasses import replace

import pytest

from polyscale.report import words
from polyscale.report.names import model_names
from polyscale.report.numbers import NBSP
from polyscale.report.read import read_run
from polyscale.report.sections.answer import cost_lines
from polyscale.stats import judge


@pytest.fixture(scope="module", params=["segmentation", "depth"])
def run(request, shared_dense_folders):
    return read_run(shared_dense_folders[request.param])


@pytest.fixture(scope="module")
def depth(shared_dense_folders):
    return read_run(shared_dense_folders["depth"])


def evidence(run, **facts):
    (verdict,) = run.verdicts
    outcome = facts.pop("outcome", verdict.outcome)
    verdict = replace(
        verdict,
        outcome=outcome,
        s2=replace(verdict.s2, value=0.412),
        larger=replace(verdict.larger, value=0.443),
        contrast=replace(verdict.contrast, **facts),
    )
    return words.answer(verdict, model_names(run.results)).evidence.replace(NBSP, " ")


def test_a_lower_error_wins_and_the_sentence_says_which_way_is_better(depth):
    facts = {"difference": -0.0312, "ci_low": -0.052, "ci_high": -0.011}
    assert evidence(depth, outcome="s2", **facts) == (
        "On rooms, efficientnet_lite0 at scales 1, 2 has an RMSE of 0.412 m on 12 test images and "
        "the larger efficientnet_lite2 of 0.443 m (lower is better): −0.031 m (95 % interval "
        "−0.052 to −0.011)."
    )


def test_where_the_larger_model_wins_its_own_error_is_the_lower_one(depth):
    facts = {"difference": 0.05, "ci_low": 0.02, "ci_high": 0.08}
    said = evidence(depth, outcome="larger", **facts)
    assert said.startswith("On rooms, the larger efficientnet_lite2 has an RMSE of ")
    assert said.endswith("−0.050 m (95 % interval −0.080 to −0.020).")


@pytest.mark.parametrize(
    ("difference", "lean"), [(-0.01, "several scales"), (0.01, "the larger model")]
)
def test_an_open_answer_leans_towards_the_lower_error(depth, difference, lean):
    facts = {"difference": difference, "ci_low": -0.03, "ci_high": 0.03}
    said = evidence(depth, outcome="inconclusive", **facts)
    assert f"It leans towards {lean}." in said


def test_the_margin_is_in_metres(depth):
    said = evidence(depth, outcome="equivalent", margin=0.01)
    assert "within the margin of ±0.01 m that counts as no difference" in said


def test_a_verdict_at_equal_cost_is_said_in_the_metrics_own_direction(run):
    """The verdict's difference is turned so that more is better; what is read is not."""
    (verdict,) = run.verdicts
    sign = 1 if run.results[0].metric == "miou" else -1
    lines = cost_lines(verdict, run.results, model_names(run.results))
    assert {line.verdict.outcome for line in lines} >= {"s2"}
    for line in lines:
        shown = sign * line.verdict.difference
        text = f"{100 * shown:+.1f} points" if sign == 1 else f"{shown:+.3f} m"
        assert f": {text} (95" in line.sentence.replace(NBSP, " ").replace("−", "-")
        if line.verdict.outcome == "s2":
            assert "does better" in line.sentence or "is ahead" in line.sentence


def test_gains_take_the_best_scales_by_the_way_that_is_better(depth):
    rows = [
        replace(r, selection_value=0.1 if r.scales == (1, 2) else r.selection_value)
        for r in depth.results
    ]
    worse = replace(rows[1], candidate="pip:efficientnet_lite0@1,3", scales=(1, 3))
    worse = replace(worse, selection_value=0.9)
    (gain,) = words.gains(replace(depth, results=(*rows, worse)))
    assert gain.multi.scales == (1, 2)


def test_without_a_verdict_the_best_fact_is_told_in_the_unit(run):
    few = run.results[:2]
    told = words.best_fact(replace(run, results=few, verdicts=tuple(judge(few, run.contrasts))))
    told = told.replace(NBSP, " ")
    if run.results[0].metric == "miou":
        assert "has a mean IoU of " in told
        assert " points (95 % interval " in told
    else:
        assert "has an RMSE of " in told
        assert "; lower" not in told
        assert "lower is better), and at scale 1 alone of " in told
