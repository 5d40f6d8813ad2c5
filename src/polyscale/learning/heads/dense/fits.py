"""Heads that are fitted in one go to training images: options, and what they give."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, TypeAlias

from torch import nn

from polyscale.errors import InputError
from polyscale.learning.heads.dense.train import Maps, Targets

Told: TypeAlias = Any
"""`step` and `progress` of `take_pixels`."""


class Fitted(NamedTuple):
    """A head in evaluation mode, and how it was fitted, for the row of results."""

    head: nn.Module
    facts: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Fit(ABC):
    """Fits a head to training images. Its options are numbers above 0, or None.

    Attributes:
        max_rows: approximate number of rows of features. Time and memory grow with it, not with the
            number of images. None leaves it to the kind of fit.
    """

    max_rows: int | None = None

    def __post_init__(self) -> None:
        for own in fields(self):
            value = getattr(self, own.name)
            if value is not None and not value > 0:
                raise InputError(f"{own.name} must be above 0, but got {value}.")

    @abstractmethod
    def __call__(
        self, maps: Maps, targets: Targets, arguments: Mapping[str, Any], *, seed: int, **told: Told
    ) -> Fitted:
        """Fit.

        Args:
            maps: features of the training images.
            targets: of the same images.
            arguments: what the head must know of the data, for example `num_classes`.
            seed: of whatever is drawn.
            told: `step` and `progress` of `take_pixels`.

        Raises:
            InputError: if the targets do not allow it.
        """
