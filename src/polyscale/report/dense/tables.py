"""IoU by class and by size of object, as a segmentation run counted them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Classes:
    """Classes in the order of the labels.

    Attributes:
        names: of the classes.
        test_px: pixels of each in the test images.
        test_images: test images that show it.
        iou: of each candidate; None of a class that is on no test image.
    """

    names: tuple[str, ...]
    test_px: tuple[int, ...]
    test_images: tuple[int, ...]
    iou: Mapping[str, tuple[float | None, ...]]

    def __post_init__(self) -> None:
        lengths = {len(self.test_px), len(self.test_images)}
        if lengths | {len(own) for own in self.iou.values()} != {len(self.names)}:
            raise ValueError("lists differ in length")


@dataclass(frozen=True)
class Share:
    """A value and its 95 % interval."""

    value: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Mean IoU of objects, by how many pixels they have.

    Attributes:
        edges_px: of the bins; None for no end.
        num_objects: in each bin.
        iou: of each candidate in each bin; None where there is no object.
        gains: difference of two candidates (first, second) in each bin.
    """

    edges_px: tuple[float | None, ...]
    num_objects: tuple[int, ...]
    iou: Mapping[str, tuple[Share | None, ...]]
    gains: Mapping[tuple[str, str], tuple[Share | None, ...]]

    def __post_init__(self) -> None:
        lengths = {len(self.edges_px) - 1, *map(len, (*self.iou.values(), *self.gains.values()))}
        if lengths != {len(self.num_objects)}:
            raise ValueError("lists differ in length")

    def gain(self, first: str, second: str) -> tuple[Share | None, ...] | None:
        """Of two candidates in each bin, turned round where it was written the other way."""
        if (first, second) in self.gains:
            return self.gains[first, second]
        if (second, first) in self.gains:
            return tuple(map(_turned, self.gains[second, first]))
        return None


def make_classes(row: Any) -> Classes:
    """Read what `classes.json` holds.

    Raises:
        KeyError: if an entry is missing.
        ValueError: if lists differ in length.
    """
    return Classes(
        names=tuple(map(str, row["names"])),
        test_px=tuple(map(int, row["test_px"])),
        test_images=tuple(map(int, row["test_images"])),
        iou={
            name: tuple(None if value is None else float(value) for value in own)
            for name, own in row["iou"].items()
        },
    )


def make_sizes(row: Any) -> Sizes:
    """Read what `sizes.json` holds; it raises as `make_classes`."""
    return Sizes(
        edges_px=tuple(None if edge is None else float(edge) for edge in row["edges_px"]),
        num_objects=tuple(map(int, row["num_objects"])),
        iou={name: _shares(own, "value") for name, own in row["iou"].items()},
        gains={
            (c["first"], c["second"]): _shares(c["bins"], "difference") for c in row["contrasts"]
        },
    )


def _shares(bins: Sequence[Mapping[str, float] | None], key: str) -> tuple[Share | None, ...]:
    return tuple(
        None
        if own is None or own[key] is None
        else Share(float(own[key]), float(own["ci_low"]), float(own["ci_high"]))
        for own in bins
    )


def _turned(own: Share | None) -> Share | None:
    return own and Share(-own.value, -own.ci_high, -own.ci_low)
