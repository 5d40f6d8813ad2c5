"""What to take of all candidates, how sure that is, and what it was chosen by."""

from dataclasses import dataclass
from typing import Literal

from polyscale.records.codec import NotNegative, PositiveCount, Record
from polyscale.records.result import Contrast

Advice = Literal[
    "one_scale",
    "several_scales",
    "larger_model",
    "scales_hurt",
    "saturated",
    "no_better_than_floor",
    "undecided",
]
"""One scale of a small model suffices; several scales, or the larger model, are worth their cost;
several scales hurt; nothing is left to gain; nothing beats an answer without a vision model; or
these images cannot decide between two candidates."""

Certainty = Literal["sure", "likely", "open"]
"""The test images confirm the choice; they agree with it, but a better candidate remains possible;
or they do not support it."""


@dataclass(frozen=True, kw_only=True)
class SelectionGap(Record):
    """Two candidates on the training images, each image predicted by a head that had not seen it.

    Attributes:
        difference: metric of the first less that of the second.
        standard_error: of this paired difference, over the images.
        num_images: training images on which they are compared.
    """

    first: str
    second: str
    difference: float
    standard_error: NotNegative
    num_images: PositiveCount


@dataclass(frozen=True, kw_only=True)
class Recommendation(Record):
    """Which candidate to take.

    It is chosen on the training images, and the test images judge the choice. In each comparison
    the dearer candidate is the first, and p-values are corrected for all that were asked with it.

    Attributes:
        outcome: why this candidate.
        certainty: how far the test images support it.
        candidate: what to take; while it is undecided, the cheaper of the two.
        alternative: the dearer of the two, while it is undecided.
        over_cheaper: the choice less the best cheaper one: is it worth more?
        over_dearer: the best dearer one less the choice: is that worth still more?
        over_single: the best several scales of the chosen model less the choice, which has one.
        rival: the choice and a candidate that the training images did not choose, although the test
            images show it to be better; None if there is no such contradiction.
        floors: names of answers without a vision model that the choice does not beat.
        num_test_needed: test images, in all, that would settle what is open, with a power of 80 %
            if the observed figures were the true ones; None if nothing is open, or if more are
            needed than any test set holds.
        try_next: candidates of the run that is worth making next; empty if none is.
    """

    outcome: Advice
    certainty: Certainty
    candidate: str
    alternative: str | None = None
    over_cheaper: Contrast | None = None
    over_dearer: Contrast | None = None
    over_single: Contrast | None = None
    rival: Contrast | None = None
    floors: tuple[str, ...] = ()
    num_test_needed: PositiveCount | None = None
    try_next: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.outcome == "undecided") != (self.alternative is not None):
            raise ValueError("must name an alternative if it is undecided, and only then")

    @property
    def mentioned(self) -> list[str]:
        """The candidates of the run that it speaks of."""
        return [
            self.candidate,
            *([self.alternative] if self.alternative else []),
            *(name for c in self.comparisons for name in (c.first, c.second)),
        ]

    @property
    def comparisons(self) -> list[Contrast]:
        """Those that were made."""
        made = (self.over_cheaper, self.over_dearer, self.over_single, self.rival)
        return [contrast for contrast in made if contrast]

    @property
    def open_question(self) -> Contrast | None:
        """The comparison that is undecided: the alternative less what to take."""
        pair = self.alternative, self.candidate
        return next((c for c in self.comparisons if (c.first, c.second) == pair), None)
