"""From all candidates to one recommendation: chosen on training images, judged on test images."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from polyscale.records import Advice, Certainty, Contrast, Floor, Metric, Recommendation, Result
from polyscale.stats.selection import Errors, sweet_spots
from polyscale.stats.trial import (
    Answer,
    decide,
    holm,
    images_needed,
    more_is_better,
    with_corrected,
)
from polyscale.stats.verdict import find_contrast
from polyscale.types import Candidate

Pair = tuple[str, str]
"""Two candidates, the dearer one first."""


@dataclass(frozen=True)
class _Question:
    """Is the dearer one of two candidates worth its cost? What the test images say.

    Attributes:
        contrast: with corrected p-values.
        answer: which is better.
        num_asked: questions over which p-values are corrected.
    """

    contrast: Contrast
    answer: Answer
    num_asked: int

    @property
    def gain(self) -> Contrast:
        """The contrast, turned so that more is better."""
        return more_is_better(self.contrast)

    @property
    def is_open(self) -> bool:
        """Whether the dearer one may well be worth it: it is better, or ahead by the margin."""
        is_ahead = self.answer == "inconclusive" and self.gain.difference > self.contrast.margin
        return self.answer == "first" or is_ahead

    @property
    def is_excluded(self) -> bool:
        """Whether it is known that the dearer one is not better by more than the margin."""
        return self.answer in ("second", "equivalent") or self.gain.ci_high < self.contrast.margin

    @property
    def num_test_needed(self) -> int | None:
        if self.answer != "inconclusive":
            return None
        return images_needed(self.gain, num_trials=self.num_asked)


@dataclass(frozen=True)
class _Choice:
    """What was chosen on the training images, and the questions about it.

    Attributes:
        chosen: at any cost.
        cheaper: what would be chosen of those that cost less; None if there are none.
        dearer: the best of those that cost no less.
        several: the best several scales of the same model, if the choice has a single one.
    """

    chosen: Result
    cheaper: Result | None
    dearer: Result | None
    several: Result | None

    @classmethod
    def of(cls, results: Sequence[Result], errors: Errors) -> "_Choice":
        rows = {result.candidate: result for result in results}
        *cheaper, best = (rows[s.candidate] for s in sweet_spots(results, "macs", errors))
        others = [r for r in results if r is not best]
        several = [r for r in others if r.backbone == best.backbone and len(r.scales) > 1]
        return cls(
            chosen=best,
            cheaper=cheaper[-1] if cheaper else None,
            dearer=_best(r for r in others if r.macs >= best.macs),
            several=_best(several) if len(best.scales) == 1 else None,
        )

    @property
    def pairs(self) -> dict[str, Pair]:
        """Field of a recommendation → the pair whose contrast it holds."""
        chosen = self.chosen.candidate
        return {
            **({"over_cheaper": (chosen, self.cheaper.candidate)} if self.cheaper else {}),
            **({"over_dearer": (self.dearer.candidate, chosen)} if self.dearer else {}),
            **({"over_single": (self.several.candidate, chosen)} if self.several else {}),
        }


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
    one that it has. Their p-values are corrected together (Holm).

    A choice that is not shown to be better than the cheaper one is not recommended: until more is
    known, the cheaper one is.

    Args:
        results: one row for each candidate, of one task and data set.
        contrasts: one for each pair of them, on the test images.
        errors: standard errors of differences on the training images; see `paired_errors`.
        metric: by which candidates are judged.
        floors: what can be had without a trained model, on the same test images.

    Returns:
        None for a single candidate, where there is nothing to choose.

    Raises:
        LookupError: if a contrast is missing.
    """
    if len(results) < 2:
        return None
    choice = _Choice.of(results, errors)
    asked = _ask(choice.pairs, contrasts)
    unbeaten = tuple(f.name for f in floors if not f.beaten_by(choice.chosen.candidate))
    facts = {name: question.contrast for name, question in asked.items()}
    cheaper, dearer = asked.get("over_cheaper"), asked.get("over_dearer")
    if unbeaten:
        return Recommendation(
            outcome="no_better_than_floor",
            certainty="open",
            candidate=choice.chosen.candidate,
            floors=unbeaten,
            **facts,
        )
    if cheaper and cheaper.answer != "first":
        return _undecided(cheaper, results, facts)
    if dearer and dearer.is_open:
        return _undecided(dearer, results, facts)
    is_sure = dearer is None or dearer.is_excluded
    certainty: Certainty = "sure" if is_sure else "likely"
    outcome = _outcome(choice, asked, results, metric)
    return Recommendation(
        outcome=outcome,
        certainty="sure" if outcome == "saturated" else certainty,
        candidate=choice.chosen.candidate,
        num_test_needed=dearer.num_test_needed if dearer and not is_sure else None,
        try_next=() if outcome == "saturated" else _more_scales(choice.chosen, results),
        **facts,
    )


def _ask(pairs: Mapping[str, Pair], contrasts: Sequence[Contrast]) -> dict[str, _Question]:
    """What the test images say of each pair; a pair that is asked about twice is one test."""
    raw = {pair: find_contrast(contrasts, *pair) for pair in pairs.values()}
    p_holm = holm([contrast.p_value for contrast in raw.values()])
    p_equivalence = holm([contrast.p_equivalence for contrast in raw.values()])
    answered = {
        pair: _Question(
            contrast=with_corrected(contrast, p, q),
            answer=decide(more_is_better(contrast), p, q),
            num_asked=len(raw),
        )
        for (pair, contrast), p, q in zip(raw.items(), p_holm, p_equivalence, strict=True)
    }
    return {name: answered[pair] for name, pair in pairs.items()}


def _undecided(
    question: _Question, results: Sequence[Result], facts: Mapping[str, Contrast]
) -> Recommendation:
    dearer, cheaper = question.contrast.first, question.contrast.second
    rows = {result.candidate: result for result in results}
    return Recommendation(
        outcome="undecided",
        certainty="open",
        candidate=cheaper,
        alternative=dearer,
        num_test_needed=question.num_test_needed,
        try_next=(cheaper, dearer, *_more_scales(rows[cheaper], results)[1:]),
        **facts,
    )


def _outcome(
    choice: _Choice, asked: Mapping[str, _Question], results: Sequence[Result], metric: Metric
) -> Advice:
    chosen = choice.chosen
    if len(chosen.scales) > 1:
        return "several_scales"
    if choice.cheaper is None and _room(chosen.value, metric) <= _margin(asked):
        return "saturated"
    if "over_single" in asked and asked["over_single"].answer == "second":
        return "scales_hurt"
    smaller = (r for r in results if r.family == chosen.family and r is not chosen)
    is_larger = any(r.backbone_params < chosen.backbone_params for r in smaller)
    return "larger_model" if choice.cheaper and is_larger else "one_scale"


def _room(value: float, metric: Metric) -> float:
    """How much better than the value a perfect candidate could be."""
    return float("inf") if metric.best is None else abs(metric.best - value)


def _margin(asked: Mapping[str, _Question]) -> float:
    return next(iter(asked.values())).contrast.margin


def _more_scales(chosen: Result, results: Sequence[Result]) -> tuple[str, ...]:
    """The choice with one scale more, if no run has tried more than its own."""
    own = [r for r in results if r.backbone == chosen.backbone]
    if max(len(r.scales) for r in own) > len(chosen.scales):
        return ()
    scales = (*chosen.scales, ceil(max(chosen.scales)) + 1)
    return chosen.candidate, str(Candidate(chosen.backbone, scales))


def _best(results: Iterable[Result]) -> Result | None:
    return max(results, key=lambda r: r.sign * r.selection_value, default=None)
