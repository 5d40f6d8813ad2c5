"""The top of the page: the answer, and the answer at equal cost."""

from collections.abc import Mapping

from markupsafe import Markup

from polyscale.records import Contrast, CostVerdict, Outcome, Verdict
from polyscale.report.advice import advice_text, more_images
from polyscale.report.metric_words import MetricWords
from polyscale.report.names import scales_phrase
from polyscale.report.numbers import AXES, interval_limit, ratio
from polyscale.report.render import render
from polyscale.report.run import Run
from polyscale.report.sides import scale_gains
from polyscale.report.words import best_fact, heading, verdict_text, without_verdict

TAGS: dict[Outcome, str] = {
    "s2": "several scales win",
    "larger": "larger model wins",
    "equivalent": "equally good",
    "inconclusive": "can’t tell",
}
_INTERPOLATED: dict[Outcome, str] = {
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


CostLine = tuple[CostVerdict, str]
"""A verdict at equal cost, and what it rests on as a sentence."""


def answer_section(run: Run) -> Markup | None:
    """What to take; then a verdict for each family, or what is missing for one."""
    if run.questions:  # they have a beginning of their own
        return None
    return render(
        "answer.html",
        run=run,
        heading=heading(run),
        answers=[(verdict, verdict_text(run, verdict)) for verdict in run.verdicts],
        advice=advice_text(run),
        best_fact=best_fact(run),
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
        answers=[(verdict, *cost_lines(run, verdict)) for verdict in run.verdicts],
        gains=[(gain_sentence(run, gain), gain) for gain in gains],
        axes=AXES,
        tags=TAGS,
        limit=interval_limit((c.ci_low, c.ci_high) for c in run.contrasts),
    )


def gain_sentence(run: Run, gain: Contrast) -> str:
    """`efficientnet_lite0, scale 1 → scales 1, 2: +9.2 points (95 % interval +4.0 to +14.4)`."""
    multi = run.rows[gain.first]
    scales = scales_phrase(multi.scales)
    return f"{run.models[multi.backbone]}, scale 1 → {scales}: {run.words.contrast(gain)}"


def cost_lines(run: Run, verdict: Verdict) -> tuple[list[CostLine], dict[str, list[CostLine]]]:
    """A line for each verdict at equal cost.

    Returns:
        The lines against the headline's larger model, and those against others by their names.
    """
    first: list[CostLine] = []
    others: dict[str, list[CostLine]] = {}
    for cost in verdict.costs:
        larger = run.models[run.rows[cost.larger].backbone]
        sentence = (
            f"{_sentence(run, cost, AXES[cost.axis].noun, larger)} {_ending(run, cost)}".rstrip()
        )
        is_first = cost.larger == verdict.larger.candidate
        (first if is_first else others.setdefault(larger, [])).append((cost, sentence))
    return first, others


def _sentence(run: Run, cost: CostVerdict, noun: str, larger: str) -> str:
    gap = _gap(cost, run.words)
    s2 = [run.rows[name] for name in cost.s2]
    small = run.models[s2[0].backbone]
    if cost.rule == "interpolated":
        between = " and ".join(scales_phrase(r.scales) for r in s2)
        return (
            f"At the {noun} of {larger}, the curve of {small} between {between} "
            f"{_outcome(cost, _INTERPOLATED)}: {gap}."
        )
    lead = f"{small} at {scales_phrase(s2[0].scales)} takes {ratio(cost.cost_ratio)} the {noun}"
    if cost.rule == "within":
        return f"{lead} of {larger} and {_outcome(cost, _WITHIN)}: {gap}."
    if cost.outcome == "larger":
        return f"{lead} of {larger} and does no better: {gap}."
    if cost.ci_low > 0:
        return f"{lead} of {larger} and does better: {gap}."
    return f"{lead} of {larger}, and whether it does better is open: {gap}."


def _ending(run: Run, cost: CostVerdict) -> str:
    """What would settle an open verdict, if it is known."""
    if cost.outcome != "inconclusive":
        return ""
    if cost.rule == "beyond" and cost.ci_low > 0:
        return (
            "None of its sets of scales costs as little as the larger model, so more images would "
            "not settle it; other scales may."
        )
    more = (cost.num_test_needed or 0) - cost.contrasts[0].num_test
    return f"{more_images(more, run.task.samples)}." if more > 0 else ""


def _outcome(cost: CostVerdict, texts: Mapping[Outcome, str]) -> str:
    """The outcome in words; it can be open although the interval excludes zero.

    The reason is then the margin, or the correction for the number of verdicts.
    """
    if cost.outcome == "inconclusive" and (cost.ci_low > 0 or cost.ci_high < 0):
        return f"{texts['s2' if cost.ci_low > 0 else 'larger']}, but not with confidence"
    return texts[cost.outcome]


def _gap(cost: CostVerdict, words: MetricWords) -> str:
    """The difference in the metric's own direction; in a verdict, more is always better."""
    low, high = sorted((words.sign * cost.ci_low, words.sign * cost.ci_high))
    gap = words.finding(words.sign * cost.difference, low, high)
    if cost.outcome != "equivalent":
        return gap
    return f"{gap}, within the margin of {words.margin(cost.contrasts[0].margin)}"
