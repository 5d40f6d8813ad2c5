"""Heads that are fitted in one go to a sample of pixels: what they take, and what they give."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from torch import nn

from polyscale.errors import InputError
from polyscale.learning.heads.dense.points import Points


class Fitted(NamedTuple):
    """A head in evaluation mode, and how it was fitted, for the row of results."""

    head: nn.Module
    facts: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Fit(ABC):
    """Fits a head to points of training images. Its options are numbers above 0, or None.

    Attributes:
        max_rows: approximate number of points. Time and memory grow with it, not with the number
            of images or cells.
    """

    max_rows: int

    def __post_init__(self) -> None:
        for own in fields(self):
            value = getattr(self, own.name)
            if value is not None and not value > 0:
                raise InputError(f"{own.name} must be above 0, but got {value}.")

    @abstractmethod
    def __call__(self, points: Points, arguments: Mapping[str, Any], *, seed: int) -> Fitted:
        """Fit.

        Args:
            points: what maps hold at some pixels, and the targets there.
            arguments: what the head must know of the data, for example `num_classes`.
            seed: of whatever is drawn.

        Raises:
            InputError: if the targets do not allow it.
        """
