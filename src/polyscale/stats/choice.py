"""What the training images choose, and what the test images say of the choice."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from polyscale.records import Contrast, Result
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

Pair = tuple[str, str]
"""Two candidates, the dearer one first."""


@dataclass(frozen=True)
class Question:
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
        """Test images, in all, that would answer it."""
        if self.answer != "inconclusive":
            return None
        return images_needed(self.gain, num_trials=self.num_asked)


@dataclass(frozen=True)
class Choice:
    """What was chosen on the training images, and what it is compared with.

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
    def of(
        cls, results: Sequence[Result], errors: Errors, *, without: Collection[str] = ()
    ) -> "Choice":
        """The choice of all candidates without those that are out of the question."""
        rows = {r.candidate: r for r in results if r.candidate not in without}
        spots = sweet_spots([*rows.values()], "macs", errors)
        *cheaper, best = (rows[spot.candidate] for spot in spots)
        others = [r for r in results if r is not best]
        several = [r for r in others if r.backbone == best.backbone and len(r.scales) > 1]
        return cls(
            chosen=best,
            cheaper=cheaper[-1] if cheaper else None,
            dearer=_best(r for r in others if r.macs >= best.macs),
            several=_best(several) if len(best.scales) == 1 else None,
        )

    def ask(self, contrasts: Sequence[Contrast]) -> dict[str, Question]:
        """The questions about it: field of a recommendation → question."""
        chosen = self.chosen.candidate
        pairs = {
            "over_cheaper": self.cheaper and (chosen, self.cheaper.candidate),
            "over_dearer": self.dearer and (self.dearer.candidate, chosen),
            "over_single": self.several and (self.several.candidate, chosen),
        }
        return _ask({name: pair for name, pair in pairs.items() if pair}, contrasts)

    def rival(self, results: Sequence[Result], contrasts: Sequence[Contrast]) -> Question | None:
        """The best candidate that the test images show to be better than the choice."""
        pairs = {r.candidate: _by_cost(r, self.chosen) for r in results if r is not self.chosen}
        better = [
            question
            for name, question in _ask(pairs, contrasts).items()
            if question.answer == ("first" if question.contrast.first == name else "second")
        ]
        return max(better, key=lambda question: abs(question.gain.difference), default=None)


def judged_choice(
    results: Sequence[Result], contrasts: Sequence[Contrast], errors: Errors
) -> Choice:
    """The first choice of which the test images do not say that a cheaper one is as good."""
    refuted: set[str] = set()
    while True:
        choice = Choice.of(results, errors, without=refuted)
        cheaper = choice.ask(contrasts).get("over_cheaper")
        if cheaper is None or cheaper.answer in ("first", "inconclusive"):
            return choice
        refuted.add(choice.chosen.candidate)


def _ask(pairs: Mapping[str, Pair], contrasts: Sequence[Contrast]) -> dict[str, Question]:
    """What the test images say of each pair; a pair that is asked about twice is one test."""
    raw = {pair: find_contrast(contrasts, *pair) for pair in pairs.values()}
    p_holm = holm([contrast.p_value for contrast in raw.values()])
    p_equivalence = holm([contrast.p_equivalence for contrast in raw.values()])
    answered = {
        pair: Question(
            contrast=with_corrected(contrast, p, q),
            answer=decide(more_is_better(contrast), p, q),
            num_asked=len(raw),
        )
        for (pair, contrast), p, q in zip(raw.items(), p_holm, p_equivalence, strict=True)
    }
    return {name: answered[pair] for name, pair in pairs.items()}


def _best(results: Iterable[Result]) -> Result | None:
    return max(results, key=lambda r: r.sign * r.selection_value, default=None)


def _by_cost(a: Result, b: Result) -> Pair:
    dearer, cheaper = (a, b) if a.macs >= b.macs else (b, a)
    return dearer.candidate, cheaper.candidate
