"""Verdicts and facts as sentences, which state costs as plainly as gains."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from polyscale.records import Contrast, Outcome, Result, Verdict
from polyscale.report.advice import advice_text, more_images
from polyscale.report.arms_words import arms_answers
from polyscale.report.hard_words import hard_answers
from polyscale.report.names import larger_phrase, scales_phrase
from polyscale.report.numbers import LEVEL, ratio, ratio_interval
from polyscale.report.question_words import question_answers
from polyscale.report.reconstruction_words import (
    QUESTION,
    is_reconstruction,
    reconstruction_sentences,
)
from polyscale.report.run import Run
from polyscale.report.sides import scale_gains, selection
from polyscale.report.times import NO_TIME_VERDICT
from polyscale.types import Candidate

Direction = Literal["dearer", "cheaper", "equal", "mixed"]

_HEADS: dict[Outcome, str] = {
    "s2": "Several scales do better than the larger model",
    "larger": "The larger model does better than several scales",
    "equivalent": "Several scales and the larger model do equally well",
    "inconclusive": "These {samples} can’t tell several scales from the larger model",
}
_HEAD_COSTS: dict[tuple[Outcome, Direction], str] = {
    ("s2", "dearer"): ", but they cost more to run",
    ("s2", "cheaper"): ", and they cost less to run",
    ("larger", "dearer"): ", and it costs less to run",
    ("larger", "cheaper"): ", but it costs more to run",
    ("equivalent", "dearer"): ", and the larger model is cheaper to run",
    ("equivalent", "cheaper"): ", and several scales are cheaper to run",
    ("inconclusive", "dearer"): ", and the larger model is cheaper to run",
    ("inconclusive", "cheaper"): ", and several scales are cheaper to run",
}
_COST_LEADS: dict[tuple[Outcome, Direction], str] = {
    ("s2", "dearer"): "But several scales cost more to run",
    ("s2", "cheaper"): "They also cost less to run",
    ("larger", "dearer"): "The several scales also cost more to run",
    ("larger", "cheaper"): "But the several scales cost less to run",
}
_LEADS: dict[Direction, str] = {
    "dearer": "The several scales cost more to run",
    "cheaper": "The several scales cost less to run",
    "mixed": "Which one costs less to run depends on the kind of cost",
    "equal": "Both cost about the same to run",
}


@dataclass(frozen=True, kw_only=True)
class VerdictText:
    """What the top of the page says about a family, in sentences."""

    head: str
    evidence: str
    cost: str  # of the several scales, compared with the larger model
    alone: str  # about the small model at one scale; empty where it was not run


def verdict_text(run: Run, verdict: Verdict) -> VerdictText:
    """A verdict of a run in a few sentences."""
    direction = cost_direction(verdict)
    ending = _HEAD_COSTS.get((verdict.outcome, direction), "")
    return VerdictText(
        head=f"{_HEADS[verdict.outcome].format(samples=run.task.samples)}{ending}.",
        evidence=_evidence(run, verdict),
        cost=_cost(verdict, direction),
        alone=_alone(run, verdict),
    )


def heading(run: Run) -> str:
    """What the page is about."""
    if run.questions:
        return "Who sees the detail?"
    if not run.task.held_out:
        return "Does the larger model learn more of its images?"
    return QUESTION if is_reconstruction(run) else "Do you need a larger vision model?"


def plain_answers(run: Run) -> list[str]:
    """The top of the page as lines of text; the first says what to take, and how sure that is.

    A run of questions counts right answers instead, and says who is ahead.
    """
    if run.questions:
        return question_answers(run)
    advice = advice_text(run)
    first = [best_fact(run)]
    if advice is not None:
        command = advice.command and f"To find out, run: {advice.command}"
        first = [advice.head, " ".join(advice.reasons), advice.next_step, command]
    texts = [verdict_text(run, verdict) for verdict in run.verdicts]
    lines = [line for t in texts for line in (t.head, t.evidence, t.cost, t.alone) if line]
    missing = [f"No verdict on {name}: {why}" for name, why in without_verdict(run).items()]
    said = reconstruction_sentences(run)
    answers = [*filter(None, first), *lines, *missing, *hard_answers(run), *arms_answers(run)]
    return [*said, *answers] if is_reconstruction(run) else [*answers, *said]


def cost_direction(verdict: Verdict) -> Direction:
    """Whether several scales cost more than the larger model, by multiply-adds and known times.

    Ratios that are printed as `1.0 ×` count as equal.
    """
    ratios = (verdict.macs_ratio, verdict.latency_ratio)
    rounded = [round(r, 1) for r in ratios if r is not None]
    more, less = any(r > 1 for r in rounded), any(r < 1 for r in rounded)
    if more and less:
        return "mixed"
    if more:
        return "dearer"
    return "cheaper" if less else "equal"


def _evidence(run: Run, verdict: Verdict) -> str:
    s2, larger, contrast, words = verdict.s2, verdict.larger, verdict.contrast, run.words
    small = f"{run.models[s2.backbone]} at {scales_phrase(s2.scales)}"
    large = larger_phrase(run.models[larger.backbone])
    first, second = (small, s2), (large, larger)
    if verdict.outcome == "larger":
        contrast = contrast.turned()
        first, second = second, first
    which_way = " (lower is better)" if words.lower else ""
    lead = (
        f"On {s2.data}, {first[0]} {words.sentence(first[1].value, s2.num_test)} and "
        f"{second[0]} {words.second(second[1].value)}{which_way}: "
    )
    if verdict.outcome == "inconclusive":
        gap = words.gap(contrast.difference)
        return (
            f"{lead}{gap}, but {_doubt(run, contrast)}. {_ahead(run, contrast)} "
            f"{_more_images(run, verdict)}"
        )
    ending = ""
    if verdict.outcome == "equivalent":
        margin = words.margin(contrast.margin)
        ending = f", within the margin of {margin} that counts as no difference"
    return f"{lead}{words.contrast(contrast)}{ending}."


def _alone(run: Run, verdict: Verdict) -> str:
    """How the small model at one scale, the cheapest of all, compares with the larger model."""
    single = run.at_scale_1(verdict.s2.backbone)
    if single is None:
        return ""
    contrast = run.contrast(single.candidate, verdict.larger.candidate)
    return (
        f"At one scale alone, {run.models[single.backbone]} reaches "
        f"{run.words.value(single.value)}; its difference from the larger model is "
        f"{run.words.contrast(contrast)}."
    )


def _doubt(run: Run, contrast: Contrast) -> str:
    interval = run.words.interval(contrast.ci_low, contrast.ci_high)
    if contrast.ci_low <= 0 <= contrast.ci_high:
        return f"the {LEVEL} interval ({interval}) contains zero"
    test = "exact test" if run.task.right_or_wrong else "test"
    return f"with a {LEVEL} interval of {interval} the corrected {test} does not confirm it"


def _more_images(run: Run, verdict: Verdict) -> str:
    more = (verdict.num_test_needed or 0) - verdict.contrast.num_test
    if verdict.contrast.over_trainings:
        return "More trainings of each model would narrow the interval."
    if more <= 0:
        return f"More {run.task.samples} would narrow the interval."
    return f"{more_images(more, run.task.samples)}, if the true values are those measured here."


def _ahead(run: Run, contrast: Contrast) -> str:
    gain = run.words.sign * contrast.difference
    if gain == 0:
        return f"On these {run.task.samples} neither is ahead."
    side = "several scales are" if gain > 0 else "the larger model is"
    return f"On these {run.task.samples} {side} ahead."


def _cost(verdict: Verdict, direction: Direction) -> str:
    lead = _COST_LEADS.get((verdict.outcome, direction), _LEADS[direction])
    joint = "but" if direction == "mixed" else "and"
    time = ""
    if verdict.latency_ratio is not None:
        interval = ratio_interval(verdict.latency_ratio_low, verdict.latency_ratio_high)
        time = f" {joint} {ratio(verdict.latency_ratio)} the time{interval}"
    text = (
        f"{lead}: {ratio(verdict.macs_ratio)} the multiply-adds{time} of the larger model, "
        f"with {ratio(verdict.params_ratio)} the parameters."
    )
    return text if time or not verdict.s2.latency_ms else f"{text} {NO_TIME_VERDICT}"


def without_verdict(run: Run) -> dict[str, str]:
    """For each family without a verdict: why it has none, and what to add to the run."""
    families: dict[str, list[Result]] = {}
    judged = {verdict.family for verdict in run.verdicts}
    for result in run.results:
        if result.family not in judged:
            families.setdefault(result.family, []).append(result)
    return {family: _missing(rows) for family, rows in families.items()}


def _missing(rows: Sequence[Result]) -> str:
    smallest = min(rows, key=lambda r: r.backbone_params)
    scales = Candidate(smallest.backbone, (1, 2))
    if any(len(r.scales) > 1 for r in rows if r.backbone_params == smallest.backbone_params):
        return (
            "no larger model of the family was run at one scale. Add one to the run, as SOURCE@1."
        )
    if any(r.backbone_params > smallest.backbone_params for r in rows):
        return f"its smallest model was not run at several scales. Add {scales} to the run."
    return (
        "it was run at one size and one scale only. "
        f"Add {scales} and a larger model of the family to the run."
    )


def best_fact(run: Run) -> str:
    """The best-supported statement if no family has a verdict."""
    best = max(run.results, key=selection)
    words = run.words
    lead = (
        f"On {best.data}, {run.models[best.backbone]} at {scales_phrase(best.scales)} "
        f"{words.sentence(best.value, best.num_test)} "
        f"({LEVEL} interval {words.bounds(best.ci_low, best.ci_high)}{words.lower})"
    )
    gain = next((g for g in scale_gains(run) if g.first == best.candidate), None)
    if gain is None:
        return f"{lead}."
    alone = words.second(run.rows[gain.second].value)
    return f"{lead}, and at scale 1 alone {alone}: {words.contrast(gain)}."
