from dataclasses import replace

import pytest

from polyscale.records import Verdict
from polyscale.report import words
from polyscale.report.names import model_names
from polyscale.report.numbers import NBSP, points
from polyscale.stats import judge


def say(verdict: Verdict) -> words.Answer:
    models = model_names([verdict.s2, verdict.larger])
    answer = words.answer(verdict, models)
    plain = {k: getattr(answer, k).replace(NBSP, " ") for k in ("head", "evidence", "cost")}
    return replace(answer, **plain)


def with_facts(verdict: Verdict, **facts) -> Verdict:
    contrast_facts = {k: facts.pop(k) for k in ("difference", "ci_low", "ci_high") if k in facts}
    return replace(verdict, contrast=replace(verdict.contrast, **contrast_facts), **facts)


DEARER = {"macs_ratio": 8.2, "latency_ratio": 6.1, "params_ratio": 0.8}
CHEAPER = {"macs_ratio": 0.5, "latency_ratio": 0.62, "params_ratio": 0.3}


def test_several_scales_are_better_and_dearer(verdict):
    verdict = with_facts(verdict, difference=0.125, ci_low=0.063, ci_high=0.188, **DEARER)
    verdict = replace(
        verdict,
        s2=replace(verdict.s2, value=0.6125),
        larger=replace(verdict.larger, value=0.4875),
    )
    answer = say(verdict)
    assert answer.head == ("No, you don’t need the larger model, but it is the cheaper one to run.")
    assert answer.evidence == (
        "On rooms, efficientnet_lite0 at scales 1, 2, 3 is right on 61.3 % of 240 test images and "
        "the larger efficientnet_lite2 on 48.8 %: +12.5 points (95 % interval +6.3 to +18.8)."
    )
    assert answer.cost == (
        "But several scales cost more to run: 8.2 × the multiply-adds and 6.1 × the time of the "
        "larger model, with 0.8 × the parameters."
    )


def test_several_scales_are_better_and_cheaper(verdict):
    answer = say(with_facts(verdict, **CHEAPER))
    assert answer.head.endswith(", and several scales are cheaper to run.")
    assert answer.cost.startswith("They cost less to run as well: 0.5 × the multiply-adds")


def test_larger_model_is_better(verdict):
    facts = {"difference": -0.1, "ci_low": -0.15, "ci_high": -0.04}
    answer = say(with_facts(verdict, outcome="larger", **facts, **DEARER))
    assert answer.head == "Yes, the larger model is better, and it is cheaper to run."
    assert answer.evidence.startswith("On rooms, the larger efficientnet_lite2 is right on ")
    # the better one is named first, so that the difference is turned round with it
    assert "+10.0 points (95 % interval +4.0 to +15.0)" in answer.evidence
    assert answer.cost.startswith("The several scales cost more to run, too: 8.2 ×")


def test_larger_model_is_better_and_dearer(verdict):
    answer = say(with_facts(verdict, outcome="larger", **CHEAPER))
    assert answer.head == "Yes, the larger model is better, but it costs more to run."
    assert answer.cost.startswith("But the several scales cost less to run: ")


@pytest.mark.parametrize(
    ("difference", "lean"),
    [
        (0.02, "It leans towards several scales."),
        (-0.02, "It leans towards the larger model."),
        (0.0, "It leans neither way."),
    ],
)
def test_inconclusive_says_so_and_which_way_it_leans(verdict, difference, lean):
    facts = {"difference": difference, "ci_low": -0.031, "ci_high": 0.052}
    answer = say(with_facts(verdict, outcome="inconclusive", **facts, **DEARER))
    assert answer.head == "These images can’t tell, and the larger model is cheaper to run."
    assert "but the 95 % interval (−3.1 to +5.2) holds zero. " + lean in answer.evidence
    assert answer.cost.startswith("The several scales cost more to run: ")


@pytest.mark.parametrize("outcome", ["s2", "larger", "inconclusive"])
def test_cost_that_goes_both_ways_is_said_so(verdict, outcome):
    facts = {"macs_ratio": 0.9, "latency_ratio": 1.2, "params_ratio": 0.3}
    answer = say(with_facts(verdict, outcome=outcome, **facts))
    assert answer.cost == (
        "The cost goes both ways: 0.9 × the multiply-adds but 1.2 × the time of the larger model, "
        "with 0.3 × the parameters."
    )
    assert "," not in answer.head.partition("don’t")[2]


def test_costs_that_print_as_equal_are_equal(verdict):
    same = with_facts(verdict, macs_ratio=1.04, latency_ratio=0.96)
    assert words.cost_direction(same) == "equal"
    assert say(same).cost.startswith("Both cost about the same to run: 1.0 ×")
    assert words.cost_direction(with_facts(same, latency_ratio=1.06)) == "dearer"
    assert words.cost_direction(with_facts(same, latency_ratio=0.94)) == "cheaper"


@pytest.mark.parametrize("outcome", ["s2", "larger", "inconclusive"])
@pytest.mark.parametrize("facts", [DEARER, CHEAPER])
def test_every_outcome_says_in_the_headline_which_is_cheaper(verdict, outcome, facts):
    head = say(with_facts(verdict, outcome=outcome, **facts)).head
    assert "cheaper" in head or "costs more" in head


def test_gains_compare_a_model_with_its_own_single_scale(run):
    first, second = words.gains(run)
    assert first.name == "efficientnet_lite0"
    assert (first.multi.scales, first.single.scales) == ((1, 2, 3), (1,))
    assert first.contrast.difference == pytest.approx(first.multi.value - first.single.value)
    assert words.gain_sentence(first).startswith(
        "efficientnet_lite0, scale 1 → scales 1, 2, 3: "
        f"{points(first.contrast.difference)} points (95"
    )
    assert second.name == "dinov2_small"


def missing_of(run, *names):
    kept = tuple(result for result in run.results if result.candidate in names)
    return words.missing(replace(run, results=kept, verdicts=tuple(judge(kept, run.contrasts))))


def test_missing_larger_model_is_named(run):
    (gap,) = words.missing(run)
    assert gap.family == "dinov2_small"
    assert gap.reason == "no larger model of the family was run at one scale"


def test_missing_scales_are_named(run):
    (gap,) = missing_of(run, "pip:efficientnet_lite0@1", "pip:efficientnet_lite2@1")
    assert gap.reason == "its smallest model was not run at several scales"
    assert gap.advice == "Add pip:efficientnet_lite0@1,2 to the run."


def test_missing_sizes_and_scales_are_named(run):
    (gap,) = missing_of(run, "pip:dinov2_small@1")
    assert gap.reason == "it was run at one size and one scale only"
    assert gap.advice.startswith("Add pip:dinov2_small@1,2 and a larger model")


def test_best_fact_compares_the_best_with_its_own_single_scale(run):
    fact = words.best_fact(run).replace(NBSP, " ")
    assert fact.startswith("On rooms, dinov2_small at scales 1, 2 is right on 72.1 % of 240 ")
    assert ", and at scale 1 alone on 65.8 %: +6.2 points (95 % interval " in fact


def test_best_fact_of_a_single_scale_is_its_accuracy(run):
    alone = replace(run, results=run.results[:1])
    assert words.best_fact(alone).endswith("(95\u00a0% interval 38.4–50.9).")


def test_equivalent_says_the_margin(verdict):
    answer = say(with_facts(verdict, outcome="equivalent", **DEARER))
    assert answer.head == (
        "No, you don’t need the larger model: the two do equally well, "
        "but it is the cheaper one to run."
    )
    assert answer.evidence.endswith("within the margin of ±1 that counts as no difference.")


def test_inconclusive_says_how_many_images_would_settle_it(verdict):
    facts = {"outcome": "inconclusive", "ci_low": 0.01, "ci_high": 0.05}
    answer = say(with_facts(verdict, num_test_needed=1500, **facts))
    assert "the exact test, corrected, is not sure of it" in answer.evidence
    assert answer.evidence.endswith(
        "About 1,260 more test images would settle it, if these figures are the true ones."
    )


def test_the_small_model_at_one_scale_is_told_if_it_was_run(run, verdict):
    models = model_names(run.results)
    told = words.answer(verdict, models, run).alone.replace(NBSP, " ")
    single = next(r for r in run.results if r.backbone == verdict.s2.backbone and r.scales == (1,))
    gap = 100 * (single.value - verdict.larger.value)
    assert f"comes to {100 * single.value:.1f} %, against the larger model " in told
    assert f"{gap:+.1f} points (95 % interval".replace("-", "−") in told
    without = replace(run, results=tuple(r for r in run.results if r != single))
    assert words.answer(verdict, models, without).alone == ""
