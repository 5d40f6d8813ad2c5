"""Verdicts at equal cost as sentences, one for each larger model and kind of cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from polyscale.records import CostVerdict, Outcome, Result, Verdict
from polyscale.report.axes import AXES
from polyscale.report.names import scales_phrase
from polyscale.report.numbers import ratio
from polyscale.report.vocabulary import Vocabulary, speak

TAGS: dict[Outcome, str] = {
    "s2": "several scales win",
    "larger": "larger model wins",
    "equivalent": "equally good",
    "inconclusive": "can’t tell",
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


def cost_lines(
    verdict: Verdict, results: Sequence[Result], models: Mapping[str, str]
) -> list[CostLine]:
    """A line for each verdict at equal cost; those against the headline's larger model first.

    Args:
        verdict: of a family.
        results: rows of the run, in which the candidates are looked up.
        models: short name of each backbone.
    """
    by_name = {result.candidate: result for result in results}

    def line(own: CostVerdict) -> CostLine:
        larger = models[by_name[own.larger].backbone]
        s2 = [by_name[name] for name in own.s2]
        noun = AXES[own.axis].noun
        return CostLine(
            verdict=own,
            noun=noun,
            larger=larger,
            tag=TAGS[own.outcome],
            sentence=" ".join([_sentence(own, noun, s2, larger, models), *_more(own)]),
        )

    first = verdict.larger.candidate
    return [line(own) for own in sorted(verdict.costs, key=lambda c: c.larger != first)]


def _sentence(
    own: CostVerdict, noun: str, s2: Sequence[Result], larger: str, models: Mapping[str, str]
) -> str:
    say = speak(s2[0].metric)
    gap = _gap(own, say)
    small = models[s2[0].backbone]
    if own.rule == "interpolated":
        between = " and ".join(scales_phrase(r.scales) for r in s2)
        return (
            f"At the {noun} of {larger}, the curve of {small} between {between} "
            f"{_said(own, _PROMISES)}: {gap}{_within_margin(own, say)}."
        )
    lead = f"{small} at {scales_phrase(s2[0].scales)} takes {ratio(own.cost_ratio)} the {noun}"
    if own.rule == "within":
        return f"{lead} of {larger} and {_said(own, _WITHIN)}: {gap}{_within_margin(own, say)}."
    if own.outcome == "larger":
        return f"{lead} of {larger} and does no better: {gap}."
    if own.ci_low > 0:
        return (
            f"{lead} of {larger} and does better: {gap}. Nothing of it was run at the larger "
            "model’s cost, so that more images would not settle it; scales in between may."
        )
    return f"{lead} of {larger}, and whether it does better is open: {gap}."


def _said(own: CostVerdict, words: Mapping[Outcome, str]) -> str:
    """An interval without zero may leave it open: for the margin, or for the number of verdicts."""
    if own.outcome == "inconclusive" and own.ci_low > 0:
        return f"{words['s2']}, by too little to be sure"
    if own.outcome == "inconclusive" and own.ci_high < 0:
        return f"{words['larger']}, by too little to be sure"
    return words[own.outcome]


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


def _gap(own: CostVerdict, say: Vocabulary) -> str:
    """The difference in the metric's own direction, from which the verdict turned it."""
    low, high = sorted((say.sign * own.ci_low, say.sign * own.ci_high))
    return say.finding(say.sign * own.difference, low, high)


def _within_margin(own: CostVerdict, say: Vocabulary) -> str:
    if own.outcome != "equivalent":
        return ""
    return f", within the margin of {say.margin(own.contrasts[0].margin)}"


def _more(own: CostVerdict) -> list[str]:
    more = (own.num_test_needed or 0) - own.contrasts[0].num_test
    return [f"About {more:,} more test images would settle it."] if more > 0 else []
