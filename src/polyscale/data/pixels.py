"""Targets for every pixel: what the numbers in masks and depth maps mean."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from polyscale.data.dataset import IGNORED, Depth, Labels
from polyscale.data.files import is_file, read_text
from polyscale.data.image import read_stored
from polyscale.data.inspection_cache import TargetFacts
from polyscale.data.options import refusal, to_choice, to_number, to_path
from polyscale.errors import InputError

IGNORED_VALUE = 255
"""What masks of 8 bits commonly hold where nobody drew a class."""

MIN_DEPTH_M, MAX_DEPTH_M = 1e-3, 10.0
"""Nearer and farther pixels do not count, as is customary for rooms (NYUv2)."""

MASK_OPTIONS = ("ignore", "reduce_zero", "classes")
DEPTH_OPTIONS = ("per_metre", "min", "max")


@dataclass(frozen=True)
class MaskCoding:
    """What the stored numbers of masks mean.

    Attributes:
        values: the stored number of each label, rising.
        ignored: numbers of pixels without a class; so are all that are not in `values`.
    """

    values: tuple[int, ...]
    ignored: frozenset[int]

    def read(self, source: Path | bytes, name: str) -> Labels:
        """The labels of a mask."""
        stored = read_stored(source, name=name, word="mask")
        if stored.dtype in (np.uint8, np.uint16):
            return self._labels(np.arange(np.iinfo(stored.dtype).max + 1))[stored]
        return self._labels(stored)

    def _labels(self, stored: NDArray) -> NDArray[np.int16]:
        values = np.array(self.values)
        label = np.searchsorted(values, stored).clip(max=len(values) - 1)
        known = (values[label] == stored) & ~np.isin(stored, list(self.ignored))
        return np.where(known, label, IGNORED).astype(np.int16)


@dataclass(frozen=True, kw_only=True)
class MaskClasses:
    """What a source says about the classes in its masks.

    Attributes:
        names: of the classes; None takes the numbers that occur as classes and as their names.
        first: number of the first class.
        ignored: numbers of pixels without a class.
    """

    word: ClassVar[str] = "mask"
    advice: ClassVar[str] = "Add images, or repair the files."

    names: tuple[str, ...] | None
    first: int = 0
    ignored: frozenset[int] = frozenset({IGNORED_VALUE})

    @staticmethod
    def summary(stored: NDArray) -> tuple[float, ...]:
        """The numbers that occur in a mask, rising; none if they are not whole."""
        if stored.dtype not in (np.uint8, np.uint16):
            return tuple(np.unique(stored).tolist()) if stored.dtype.kind in "ui" else ()
        occurs = np.zeros(np.iinfo(stored.dtype).max + 1, dtype=bool)
        for row in stored:  # NumPy makes an index 8 bytes wide: row by row for the memory's sake
            occurs[row] = True
        return tuple(np.flatnonzero(occurs).tolist())

    def check(self, name: str, mask: TargetFacts) -> bool:
        """Whether any pixel of a mask has a class; numbers that are no classes are an error."""
        if mask.dtype.startswith("float"):
            raise InputError(
                f"mask {name} must hold whole numbers, but holds {mask.dtype}. "
                "Save the numbers of the classes as integers."
            )
        last = np.inf if self.names is None else self.first + len(self.names) - 1
        values = [value for value in mask.values if value not in self.ignored]
        for value in values:
            if not self.first <= value <= last:
                highest = "" if self.names is None else f" to {last:g}"
                raise InputError(
                    f"mask {name} must hold classes from {self.first}{highest} (ignored: "
                    f"{self._ignored_words}), but holds {value:g}. Correct the mask, or the "
                    "classes."
                )
        return bool(values)

    def coding(
        self, train: Sequence[TargetFacts], test: Sequence[TargetFacts]
    ) -> tuple[MaskCoding, tuple[str, ...], list[str]]:
        """What the stored numbers mean, the class names, and remarks on what a split lacks."""
        occurring = [{int(v) for mask in masks for v in mask.values} for masks in (train, test)]
        values, names = sorted(set().union(*occurring) - self.ignored), self.names
        if names is None:
            names = tuple(map(str, values))
        else:
            values = list(range(self.first, self.first + len(names)))
        if len(names) > np.iinfo(np.int16).max:
            raise InputError(
                f"masks must hold at most {np.iinfo(np.int16).max} classes, but hold {len(names)}. "
                "Are they masks of classes?"
            )
        if len(names) < 2:
            raise InputError(
                f"masks must hold at least two classes, but hold only {', '.join(names) or 'none'} "
                f"besides those ignored ({self._ignored_words}). Where 255 is a class, say "
                "?ignore=none."
            )
        remarks = []
        for split, seen, consequence in (
            ("training", occurring[0], "nothing can learn them"),
            ("test", occurring[1], "nothing is known of how well they are found"),
        ):
            absent = [n for n, v in zip(names, values, strict=True) if v not in seen - self.ignored]
            if absent:
                listed = first_names(absent)
                remarks.append(f"Classes in no {split} image: {listed}; {consequence}.")
        return MaskCoding(tuple(values), self.ignored), names, remarks

    @property
    def _ignored_words(self) -> str:
        return ", ".join(map(str, sorted(self.ignored))) or "none"


@dataclass(frozen=True, kw_only=True)
class DepthCoding:
    """What the stored numbers of depth maps mean.

    Attributes:
        per_metre: how many of the stored unit make a metre; None: 1000 for whole numbers
            (millimetres), 1 for others.
        min_m: nearer pixels do not count.
        max_m: likewise farther ones.
        crop_yxyx: as `DepthData` has it.
    """

    word: ClassVar[str] = "depth map"
    advice: ClassVar[str] = (
        "Repair the files, or say their unit and range with ?per_metre=, ?min= and ?max=."
    )

    per_metre: float | None = None
    min_m: float = MIN_DEPTH_M
    max_m: float = MAX_DEPTH_M
    # fingerprints of targets hold the `repr`, and the crop changes no target
    crop_yxyx: tuple[float, float, float, float] | None = field(default=None, repr=False)

    @staticmethod
    def summary(stored: NDArray) -> tuple[float, ...]:
        """The lowest and the highest number above 0 that is finite; none if there is none."""
        known = stored[(stored > 0) & np.isfinite(stored)]
        return (float(known.min()), float(known.max())) if known.size else ()

    def check(self, name: str, depth: TargetFacts) -> bool:
        """Whether any pixel of a depth map counts; 8 bits without a unit are an error."""
        if depth.dtype == "uint8" and self.per_metre is None:
            raise InputError(
                f"depth map {name} must have 16 bits or be in metres, but has 8 bits, and no unit "
                "is customary for them. Say how many steps make a metre, for example "
                "?per_metre=25.5 where 255 is 10 m."
            )
        if not depth.values:
            return False
        unit = self._unit(depth.dtype)
        return depth.values[0] / unit <= self.max_m and depth.values[1] / unit >= self.min_m

    def coding(
        self, train: Sequence[TargetFacts], test: Sequence[TargetFacts]
    ) -> tuple["DepthCoding", tuple[str, ...], list[str]]:
        """Itself, no class names, and a remark on pixels that are too far to count."""
        farthest = [depth.values[1] / self._unit(depth.dtype) for depth in (*train, *test)]
        num = sum(metres > self.max_m for metres in farthest)
        remark = (
            f"Depth maps with pixels beyond {self.max_m:g} m, which do not count: {num} of "
            f"{len(farthest)}, the farthest at {max(farthest):.4g} m. Say ?max= if they should."
        )
        return self, (), [remark] if num else []

    def read(self, source: Path | bytes, name: str) -> Depth:
        """The metres of a depth map, NaN where they are not known."""
        stored = read_stored(source, name=name, word="depth map")
        metres = stored.astype(np.float32) / np.float32(self._unit(stored.dtype.name))
        metres[~((metres > 0) & np.isfinite(metres))] = np.nan
        return metres

    def _unit(self, dtype: str) -> float:
        """How many of the stored unit make a metre."""
        return self.per_metre or (1.0 if dtype.startswith("float") else 1000.0)


PixelTargets: TypeAlias = MaskClasses | DepthCoding


def to_classes(options: Mapping[str, str], beside: Path | None = None) -> MaskClasses:
    """What the options say about the classes in masks.

    They are `ignore`, a number or none; `reduce_zero`, 1 where 0 is no class and 1 the first; and
    `classes`, a file of names. The file `beside` is taken if it is there and none is given.
    """
    names = None
    if "classes" in options:
        names = _read_names(to_path(options["classes"]))
    elif beside is not None and is_file(beside):
        names = _read_names(beside)
    first = int(to_choice("reduce_zero", options.get("reduce_zero", "0"), "0", "1"))
    ignored = _ignored(options.get("ignore"), len(names or ()))
    return MaskClasses(names=names, first=first, ignored=ignored | frozenset(range(first)))


def to_depth_coding(options: Mapping[str, str]) -> DepthCoding:
    """What the options say about depth: `per_metre`, `min` and `max`."""
    per_metre, low, high = (
        to_number(name, options[name]) if name in options else None for name in DEPTH_OPTIONS
    )
    coding = DepthCoding(per_metre=per_metre, min_m=low or MIN_DEPTH_M, max_m=high or MAX_DEPTH_M)
    if coding.min_m >= coding.max_m:
        raise InputError(
            f"option min of data must be below max ({coding.max_m:g} metres), but got "
            f"{coding.min_m:g}. Lower it."
        )
    return coding


def first_names(names: Sequence[str]) -> str:
    """How many there are and the first ones, to put into a sentence."""
    return f"{len(names)} ({', '.join(map(repr, names[:3]))}{', …' if len(names) > 3 else ''})"


def _read_names(file: Path) -> tuple[str, ...]:
    """Class names, one a line."""
    text = read_text(file, "class names", advice="Write a name a line.")
    lines = [line.strip() for line in text.rstrip().splitlines()]
    twice = sorted(name for name, num in Counter(lines).items() if num > 1)
    if not lines or not all(lines) or twice:
        what = f"{twice[0]!r} twice" if twice else "an empty line" if lines else "nothing"
        raise InputError(
            f"class names {str(file)!r} must be different names, one a line in the order of the "
            f"classes, but the file holds {what}. Correct it."
        )
    return tuple(lines)


def _ignored(text: str | None, num_names: int) -> frozenset[int]:
    if text is None:  # with so many classes 255 is one of them
        return frozenset({IGNORED_VALUE if num_names <= IGNORED_VALUE else 65535})
    if text == "none":
        return frozenset()
    if not re.fullmatch(r"-?[0-9]{1,18}", text):  # arrays may hold -1
        raise refusal("ignore", "a whole number or none", text, "255")
    return frozenset({int(text)})
