"""Masks: stored numbers → labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from polyscale.data.dense import IGNORED, Labels
from polyscale.data.dense.stored import read_stored
from polyscale.data.dense.target_inspection import TargetFacts
from polyscale.errors import InputError

IGNORED_VALUE = 255
"""What masks of 8 bits commonly hold where nobody drew a class."""


@dataclass(frozen=True, kw_only=True)
class Classes:
    """What a source says about its classes.

    Attributes:
        names: of the classes; None takes the numbers that occur, and calls the classes so.
        first: number of the first class.
        ignored: numbers of pixels without a class.
    """

    names: tuple[str, ...] | None
    first: int = 0
    ignored: frozenset[int] = frozenset({IGNORED_VALUE})

    def check(self, name: str, mask: TargetFacts) -> bool:
        """Whether any pixel of a mask has a class.

        Raises:
            InputError: if it holds numbers that are no classes.
        """
        if mask.dtype.startswith("float"):
            raise InputError(
                f"mask {name} must hold whole numbers, but holds {mask.dtype}. "
                "Save the numbers of the classes as integers."
            )
        last = np.inf if self.names is None else self.first + len(self.names) - 1
        known = [value for value in mask.values if value not in self.ignored]
        for value in known:
            if not self.first <= value <= last:
                highest = "" if self.names is None else f" to {last:g}"
                ignored = ", ".join(map(str, sorted(self.ignored))) or "none"
                raise InputError(
                    f"mask {name} must hold classes from {self.first}{highest} (ignored: "
                    f"{ignored}), but holds {value:g}. Correct the mask, or the classes."
                )
        return bool(known)

    def coding(self, masks: Sequence[TargetFacts]) -> tuple["MaskCoding", tuple[str, ...]]:
        """What the stored numbers mean, and the class names in the order of the labels."""
        if self.names is not None:
            values = range(self.first, self.first + len(self.names))
            return MaskCoding(tuple(values), self.ignored), self.names
        seen = sorted({int(v) for mask in masks for v in mask.values} - self.ignored)
        if len(seen) > np.iinfo(np.int16).max:
            raise InputError(
                f"masks must hold at most {np.iinfo(np.int16).max} classes, but hold {len(seen)} "
                "numbers. Are they masks of classes?"
            )
        return MaskCoding(tuple(seen), self.ignored), tuple(map(str, seen))


@dataclass(frozen=True)
class MaskCoding:
    """What stored numbers mean.

    Attributes:
        values: the stored number of each label, rising.
        ignored: numbers of pixels without a class; so are all that are not in `values`.
    """

    values: tuple[int, ...]
    ignored: frozenset[int]

    def read(self, source: Path | bytes, name: str) -> Labels:
        """The labels of a mask.

        Raises:
            InputError: as `read_stored` does.
        """
        stored = read_stored(source, name=name, word="mask")
        if stored.dtype in (np.uint8, np.uint16):
            return self._labels(np.arange(np.iinfo(stored.dtype).max + 1))[stored]
        return self._labels(stored)

    def _labels(self, stored: NDArray) -> NDArray[np.int16]:
        values = np.array(self.values)
        label = np.searchsorted(values, stored).clip(max=len(values) - 1)
        known = (values[label] == stored) & ~np.isin(stored, list(self.ignored))
        return np.where(known, label, IGNORED).astype(np.int16)
