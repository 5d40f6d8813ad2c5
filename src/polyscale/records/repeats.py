"""The same comparison on other draws of the images: the content of `repeats.json`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from polyscale.records.codec import Count, PositiveCount, Record
from polyscale.records.result import Difference
from polyscale.records.verdict import Outcome

DrawKind = Literal["split", "training"]
"""Drawn again: the split into training and test images, or the training images alone."""


@dataclass(frozen=True, kw_only=True)
class Repeat(Record):
    """What one draw gives.

    Attributes:
        seed: of the draw, and of the training on it.
        num_train: training images that were drawn.
        num_test: test images that the candidates were judged on.
        values: candidate → the metric on these test images.
        outcomes: family → the outcome of its verdict.
        recommended: the candidate to take; None for a single candidate.
    """

    seed: Count
    num_train: Count
    num_test: PositiveCount
    values: Mapping[str, float]
    outcomes: Mapping[str, Outcome]
    recommended: str | None = None


@dataclass(frozen=True, kw_only=True)
class DrawnContrast(Difference):
    """The difference of two candidates, whose 95 % interval also covers the draw.

    For other splits, `difference` is the mean over all of them, that of the run included, with the
    corrected resampled t interval. For other training images it is that of the run, with the
    variances over training images and over test images added.
    """


@dataclass(frozen=True, kw_only=True)
class Repeats(Record):
    """Other draws of the images, with the heads trained again on the same features.

    Attributes:
        drawn: what was drawn again.
        draws: one for each repeat; the run itself is not among them.
        contrasts: one for each pair of candidates.
    """

    drawn: DrawKind
    draws: tuple[Repeat, ...]
    contrasts: tuple[DrawnContrast, ...]

    def __post_init__(self) -> None:
        candidates = {frozenset(draw.values) for draw in self.draws}
        if len(self.draws) < 2 or len(candidates) > 1:
            raise ValueError("must hold two draws or more, of the same candidates")
