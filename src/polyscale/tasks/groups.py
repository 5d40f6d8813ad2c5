"""Images of a split by class, label or range: what a contact sheet shows, and what it counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

NUM_RANGES = 6
"""Of numbers."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageGroups:
    """Images of a split by what their targets say.

    Attributes:
        num_counted: images that were looked at.
        indices: name of a class, label or range → images with it; an image may have several.
            Empty where targets are of no such kind.
        shares: name of a class → its share of all pixels, where pixels have classes.
    """

    num_counted: int
    indices: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=dict)

    def num_images(self, name: str) -> int:
        """How many images have it."""
        return len(self.indices.get(name, ()))


def by_class(classes: NDArray[np.integer], names: Sequence[str]) -> ImageGroups:
    """Images with one class each (num_images,)."""
    indices = {name: np.flatnonzero(classes == number) for number, name in enumerate(names)}
    return ImageGroups(num_counted=len(classes), indices=indices)


def by_label(labels: NDArray[np.bool_], names: Sequence[str]) -> ImageGroups:
    """Images with several labels each (num_images, num_labels); those without any come last."""
    indices = {name: np.flatnonzero(own) for name, own in zip(names, labels.T, strict=True)}
    without = np.flatnonzero(~labels.any(axis=1))
    if len(without):
        indices["(no label)"] = without
    return ImageGroups(num_counted=len(labels), indices=indices)


def by_range(numbers: NDArray[np.floating], low: float, high: float) -> ImageGroups:
    """Images with a number each (num_images,), in ranges of equal width from `low` to `high`."""
    edges = np.linspace(low, high, NUM_RANGES + 1)
    number = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, NUM_RANGES - 1)
    names = [f"{a:.3g} to {b:.3g}" for a, b in pairwise(edges)]
    return by_class(number, names)


def small_picture(image: Image.Image, side_px: int) -> Image.Image:
    """A copy whose longer side is at most `side_px`."""
    small = image.copy()
    small.thumbnail((side_px, side_px))
    return small
