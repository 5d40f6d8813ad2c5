"""From all candidates to one recommendation: chosen on training images, judged on test images."""

from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from typing import Any

from polyscale.records import Advice, Contrast, Floor, Metric, Recommendation, Result
from polyscale.stats.choice import Choice, Question, judged_choice
from polyscale.stats.selection import Errors
from polyscale.types import Candidate


def recommend(
    results: Sequence[Result],
    contrasts: Sequence[Contrast],
    errors: Errors,
    *,
    metric: Metric,
    floors: Iterable[Floor] = (),
) -> Recommendation | None:
    """Which candidate to take, why, and how sure that is.

    The choice is made by the one-standard-error rule on the training images
    (`cheapest_of_the_best`), with multiply-adds as the cost. The test images then answer up to
    three questions: whether the choice is better than the best cheaper candidate, whether the best
    dearer one is better still, and whether several scales of the chosen model are worse than the
    one that it has. Their p-values are corrected together (Holm). A choice that they find to be
    worse than the cheaper candidate, or as good, is dropped, and the next one is judged.

    A choice that is not shown to be better than the cheaper one is not recommended: until more is
    known, the cheaper one is. Nor is a choice while any other candidate is shown to be better.

    Args:
        results: one row for each candidate, of one task and data set.
        contrasts: one for each pair of them, on the test images.
        errors: standard errors of differences on the training images; see `paired_errors`.
        metric: by which candidates are judged.
        floors: what can be had without a vision model, on the same test images; ceilings among
            them are left out.

    Returns:
        None for a single candidate, where there is nothing to choose, and without training images,
        where there is nothing to choose by.

    Raises:
        LookupError: if a contrast is missing.
    """
    if len(results) < 2 or not results[0].num_train:
        return None
    cheapest = min(results, key=lambda r: r.macs)
    is_saturated = _room(cheapest, metric) <= contrasts[0].margin
    if is_saturated:
        others = {r.candidate for r in results if r is not cheapest}
        choice = Choice.of(results, errors, without=others)
    else:
        choice = judged_choice(results, contrasts, errors)
    asked = choice.ask(contrasts)
    chosen = choice.chosen.candidate
    unbeaten = tuple(f.name for f in floors if f.kind == "floor" and not f.beaten_by(chosen))
    if unbeaten:
        facts = _no_better(choice.chosen, unbeaten)
    elif is_saturated:
        facts = _saturated(choice.chosen)
    elif rival := choice.rival(results, contrasts):
        facts = {**_undecided(rival, results), "rival": rival.contrast}
    elif open_question := _open_question(asked):
        facts = _undecided(open_question, results)
    else:
        facts = _take(choice, asked, results)
    facts |= {name: each.contrast for name, each in asked.items()}
    return Recommendation(**facts)


def _room(result: Result, metric: Metric) -> float:
    """How much better than the result a perfect candidate could be."""
    return float("inf") if metric.best is None else abs(metric.best - result.value)


def _no_better(chosen: Result, floors: tuple[str, ...]) -> dict[str, Any]:
    return {
        "outcome": "no_better_than_floor",
        "certainty": "open",
        "candidate": chosen.candidate,
        "floors": floors,
    }


def _saturated(chosen: Result) -> dict[str, Any]:
    return {"outcome": "saturated", "certainty": "sure", "candidate": chosen.candidate}


def _open_question(asked: Mapping[str, Question]) -> Question | None:
    cheaper, dearer = asked.get("over_cheaper"), asked.get("over_dearer")
    if cheaper and cheaper.answer == "inconclusive":
        return cheaper
    return dearer if dearer and dearer.is_open else None


def _undecided(question: Question, results: Sequence[Result]) -> dict[str, Any]:
    dearer, cheaper = question.contrast.first, question.contrast.second
    rows = {result.candidate: result for result in results}
    return {
        "outcome": "undecided",
        "certainty": "open",
        "candidate": cheaper,
        "alternative": dearer,
        "num_test_needed": question.num_test_needed,
        "try_next": (cheaper, dearer, *_more_scales(rows[cheaper], results)[1:]),
    }


def _take(
    choice: Choice, asked: Mapping[str, Question], results: Sequence[Result]
) -> dict[str, Any]:
    dearer = asked.get("over_dearer")
    is_sure = dearer is None or dearer.is_excluded
    return {
        "outcome": _outcome(choice, asked, results),
        "certainty": "sure" if is_sure else "likely",
        "candidate": choice.chosen.candidate,
        "num_test_needed": None if is_sure or dearer is None else dearer.num_test_needed,
        "try_next": _more_scales(choice.chosen, results),
    }


def _outcome(choice: Choice, asked: Mapping[str, Question], results: Sequence[Result]) -> Advice:
    chosen = choice.chosen
    if len(chosen.scales) > 1:
        return "several_scales"
    if "over_single" in asked and asked["over_single"].answer == "second":
        return "scales_hurt"
    family = (r for r in results if r.family == chosen.family)
    is_larger = any(r.backbone_params < chosen.backbone_params for r in family)
    return "larger_model" if choice.cheaper and is_larger else "one_scale"


def _more_scales(chosen: Result, results: Sequence[Result]) -> tuple[str, ...]:
    """The choice, and beside it with one scale more, if none of the run has that many."""
    own = [r for r in results if r.backbone == chosen.backbone]
    if max(len(r.scales) for r in own) > len(chosen.scales):
        return ()
    scales = (*chosen.scales, ceil(max(chosen.scales)) + 1)
    return chosen.candidate, str(Candidate(chosen.backbone, scales))
