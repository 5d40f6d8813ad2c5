"""Heads that are fitted in one go to a sample of pixels: what they take, and what they give."""

from dataclasses import dataclass, fields
from typing import Any, NamedTuple, Protocol

from torch import nn

from polyscale.errors import InputError
from polyscale.learning.heads.dense.points import Points


class Fitted(NamedTuple):
    """A head in evaluation mode, and how it was fitted, for the row of results."""

    head: nn.Module
    facts: dict[str, Any]


class Fit(Protocol):
    """Fits a head to points of training images.

    Attributes:
        max_rows: approximate number of points. Time and memory grow with it, not with the number
            of images or cells.
    """

    @property
    def max_rows(self) -> int: ...

    def __call__(self, points: Points, *, seed: int, **arguments: Any) -> Fitted:
        """Fit.

        Args:
            points: what maps hold at some pixels, and the targets there.
            seed: of whatever is drawn.
            arguments: what the head must know of the data, for example `num_classes`.

        Raises:
            InputError: if the targets do not allow it.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class PointFit:
    """The base of fits: their options are numbers above 0, or None."""

    max_rows: int

    def __post_init__(self) -> None:
        for own in fields(self):
            value = getattr(self, own.name)
            if value is not None and not value > 0:
                raise InputError(f"{own.name} must be above 0, but got {value}.")
