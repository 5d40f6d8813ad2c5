"""The top of the page: the answer, and the answer at equal cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from polyscale.records import CostVerdict, Outcome, Result, Verdict
from polyscale.report.axes import AXES
from polyscale.report.metric_words import MetricWords
from polyscale.report.names import scales_phrase
from polyscale.report.numbers import interval_limit, ratio
from polyscale.report.render import render
from polyscale.report.run import Run
from polyscale.report.sides import ScaleGain, scale_gains
from polyscale.report.words import best_fact, verdict_text, without_verdict

TAGS: dict[Outcome, str] = {
    "s2": "several scales win",
    "larger": "larger model wins",
    "equivalent": "equally good",
    "inconclusive": "can’t tell",
}
_PROMISES: dict[Outcome, str] = {
    "s2": "is ahead",
    "larger": "is behind",
    "equivalent": "is level",
    "inconclusive": "may be ahead or behind",
}
_WITHIN: dict[Outcome, str] = {
    "s2": "does better",
    "larger": "does worse",
    "equivalent": "does as well",
    "inconclusive": "may do better or worse",
}


@dataclass(frozen=True, kw_only=True)
class CostLine:
    """What the page says of a larger model and a kind of cost.

    Attributes:
        verdict: what is put into words.
        noun: the kind of cost.
        larger: short name of the larger model.
        tag: the outcome in two or three words.
        sentence: what it rests on.
    """

    verdict: CostVerdict
    noun: str
    larger: str
    tag: str
    sentence: str


def answer_section(run: Run) -> Markup:
    """A headline for each family, or what is missing for one."""
    return render(
        "answer.html",
        run=run,
        answers=[(verdict, verdict_text(run, verdict)) for verdict in run.verdicts],
        best_fact=None if run.verdicts else best_fact(run),
        missing=without_verdict(run),
    )


def equal_cost_section(run: Run) -> Markup | None:
    """Every verdict at equal cost, and what more scales did for each model."""
    gains = scale_gains(run)
    if not run.verdicts and not gains:
        return None
    return render(
        "equal_cost.html",
        run=run,
        answers=[(verdict, *_split(cost_lines(run, verdict), verdict)) for verdict in run.verdicts],
        gains=[(gain_sentence(run, gain), gain.contrast) for gain in gains],
        limit=interval_limit(end for c in run.contrasts for end in (c.ci_low, c.ci_high)),
    )


def _split(
    lines: Sequence[CostLine], verdict: Verdict
) -> tuple[list[CostLine], dict[str, list[CostLine]]]:
    """Lines against the headline's larger model, and those against others by their names."""
    first, others = [], dict[str, list[CostLine]]()
    for line in lines:
        if line.verdict.larger == verdict.larger.candidate:
            first.append(line)
        else:
            others.setdefault(line.larger, []).append(line)
    return first, others


def gain_sentence(run: Run, gain: ScaleGain) -> str:
    """`efficientnet_lite0, scale 1 → scales 1, 2: +9.2 points (95 % interval +4.0 to +14.4)`."""
    contrast = gain.contrast
    return (
        f"{gain.name}, scale 1 → {scales_phrase(gain.multi.scales)}: "
        f"{run.words.finding(contrast.difference, contrast.ci_low, contrast.ci_high)}"
    )


def cost_lines(run: Run, verdict: Verdict) -> list[CostLine]:
    """A line for each verdict at equal cost; those against the headline's larger model first."""

    def line(cost: CostVerdict) -> CostLine:
        larger = run.models[run.rows[cost.larger].backbone]
        s2 = [run.rows[name] for name in cost.s2]
        noun = AXES[cost.axis].noun
        sentence = _sentence(cost, noun, s2, larger, run.models, run.words)
        return CostLine(
            verdict=cost,
            noun=noun,
            larger=larger,
            tag=TAGS[cost.outcome],
            sentence=" ".join([sentence, *_more_images(cost)]),
        )

    first = verdict.larger.candidate
    return [line(cost) for cost in sorted(verdict.costs, key=lambda c: c.larger != first)]


def _sentence(
    cost: CostVerdict,
    noun: str,
    s2: Sequence[Result],
    larger: str,
    models: Mapping[str, str],
    words: MetricWords,
) -> str:
    gap = _gap(cost, words)
    small = models[s2[0].backbone]
    if cost.rule == "interpolated":
        between = " and ".join(scales_phrase(r.scales) for r in s2)
        return (
            f"At the {noun} of {larger}, the curve of {small} between {between} "
            f"{_outcome(cost, _PROMISES)}: {gap}{_within_margin(cost, words)}."
        )
    lead = f"{small} at {scales_phrase(s2[0].scales)} takes {ratio(cost.cost_ratio)} the {noun}"
    if cost.rule == "within":
        outcome = _outcome(cost, _WITHIN)
        return f"{lead} of {larger} and {outcome}: {gap}{_within_margin(cost, words)}."
    if cost.outcome == "larger":
        return f"{lead} of {larger} and does no better: {gap}."
    if cost.ci_low > 0:
        return (
            f"{lead} of {larger} and does better: {gap}. Nothing of it was run at the larger "
            "model’s cost, so that more images would not settle it; scales in between may."
        )
    return f"{lead} of {larger}, and whether it does better is open: {gap}."


def _outcome(cost: CostVerdict, words: Mapping[Outcome, str]) -> str:
    """An interval without zero may leave it open: for the margin, or for the number of verdicts."""
    if cost.outcome == "inconclusive" and cost.ci_low > 0:
        return f"{words['s2']}, by too little to be sure"
    if cost.outcome == "inconclusive" and cost.ci_high < 0:
        return f"{words['larger']}, by too little to be sure"
    return words[cost.outcome]


def _gap(cost: CostVerdict, words: MetricWords) -> str:
    """The difference in the metric's own direction, from which the verdict turned it."""
    low, high = sorted((words.sign * cost.ci_low, words.sign * cost.ci_high))
    return words.finding(words.sign * cost.difference, low, high)


def _within_margin(cost: CostVerdict, words: MetricWords) -> str:
    if cost.outcome != "equivalent":
        return ""
    return f", within the margin of {words.margin(cost.contrasts[0].margin)}"


def _more_images(cost: CostVerdict) -> list[str]:
    more = (cost.num_test_needed or 0) - cost.contrasts[0].num_test
    return [f"About {more:,} more test images would settle it."] if more > 0 else []
