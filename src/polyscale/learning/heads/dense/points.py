"""Labelled points of training images, and what feature maps hold at them.

A linear head gives scores to cells, and pixels between them get bilinear mixtures. The mixture of
the scores is the score of the mixed features. So what such a head says of a pixel is a linear map
of one row of numbers, whatever the grid, and a sample of pixels is all that it need be fitted to.
"""

from dataclasses import dataclass
from math import isqrt

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from polyscale.data import IGNORED
from polyscale.errors import InputError
from polyscale.features import MapSource
from polyscale.learning.heads.dense.train import Targets
from polyscale.types import Progress, silent

IMAGES = 16
"""Number of maps that are read at once."""

MIN_ROWS = 16
"""Number of points of each class that a sample keeps, where there are that many."""

MAX_PIXELS = 2**24
"""Pixels from which points are drawn; many images are each seen on a coarser raster."""


@dataclass(frozen=True)
class Points:
    """Pixels whose target is known.

    Attributes:
        features: of each, bilinear between the centres of cells (rows, channels), float32.
        targets: class (int64) or depth in metres (float32) of each (rows,).
        images: index of the image of each (rows,), rising.
    """

    features: NDArray[np.float32]
    targets: NDArray
    images: NDArray[np.int64]


def sample_points(
    maps: MapSource,
    targets: Targets,
    *,
    max_rows: int,
    seed: int,
    step: str = "points",
    progress: Progress = silent,
) -> Points:
    """All pixels with a known target, or a sample of about `max_rows` of them, drawn by the seed.

    A sample of labels has the same share of each class, but at least 16 points where a class has
    that many, so that rare classes stay; only these may exceed `max_rows`.

    Args:
        maps: features of the images.
        targets: labels with `IGNORED`, or metres with NaN, of the same images.
        max_rows: approximate number of points.
        seed: of the draw.
        step: name of the step in progress.
        progress: told the number of images that were read.

    Raises:
        InputError: if maps and targets differ in number, or no target is known.
    """
    if len(maps) != len(targets):
        raise InputError(
            f"targets must be one for each map of {len(maps)}, but got {len(targets)}. "
            "Pass both for the same images."
        )
    num = len(maps)
    blocks = [np.arange(start, min(start + IMAGES, num)) for start in range(0, num, IMAGES)]
    rasters = np.concatenate([_thinned(targets.take(block), num) for block in blocks])
    values = rasters.ravel()
    chosen = _sample(values, max_rows, np.random.default_rng(seed))
    if not len(chosen):
        raise InputError("targets must be known somewhere, but every pixel is ignored or unknown.")
    image, row, column = np.unravel_index(chosen, rasters.shape)
    y, x = (row + 0.5) / rasters.shape[1], (column + 0.5) / rasters.shape[2]
    features = np.empty((len(chosen), maps.shape[-1]), np.float32)
    for block in blocks:
        own = slice(*np.searchsorted(image, [block[0], block[-1] + 1]))
        features[own] = bilinear(maps.take(block), image[own] - block[0], y[own], x[own])
        progress(step, int(block[-1]) + 1, num, "images")
    kind = np.float32 if values.dtype.kind == "f" else np.int64
    return Points(features, values[chosen].astype(kind), image)


def bilinear(
    maps: Float[NDArray, "num h w channels"],
    image: NDArray[np.integer],
    y: NDArray[np.floating],
    x: NDArray[np.floating],
) -> Float[NDArray[np.float32], "rows channels"]:
    """Maps at places, as resizing with pixel centres at halves mixes cells.

    Args:
        maps: of some images.
        image: index of the image of each place (rows,).
        y: height of each place, from 0 at the top edge to 1 at the bottom edge (rows,).
        x: likewise from left to right (rows,).
    """
    (top, bottom, down), (left, right, along) = (
        _neighbours(place, size) for place, size in zip((y, x), maps.shape[1:3], strict=True)
    )
    upper = (1 - along) * maps[image, top, left] + along * maps[image, top, right]
    lower = (1 - along) * maps[image, bottom, left] + along * maps[image, bottom, right]
    return (1 - down) * upper + down * lower


def _neighbours(
    place: NDArray[np.floating], size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], Float[NDArray[np.float32], "rows 1"]]:
    """The cells before and after each place, and the share of the latter."""
    at = np.clip(place * size - 0.5, 0, size - 1)
    before = at.astype(np.int64)
    return before, np.minimum(before + 1, size - 1), (at - before).astype(np.float32)[:, None]


def _thinned(targets: NDArray, num_images: int) -> NDArray:
    """Targets (num, h, w) on a raster that is coarse enough for so many images."""
    most = max(1, isqrt(MAX_PIXELS // num_images))
    rows, columns = (
        ((np.arange(min(size, most)) + 0.5) * size / min(size, most)).astype(np.int64)
        for size in targets.shape[1:]
    )
    return targets[:, rows[:, None], columns]


def _sample(values: NDArray, max_rows: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Indices of known values, rising."""
    if values.dtype.kind == "f":
        known = np.flatnonzero(np.isfinite(values))
        return np.sort(random.choice(known, min(max_rows, len(known)), replace=False))
    labelled = int((values != IGNORED).sum())
    share = min(1.0, max_rows / max(labelled, 1))
    chosen = [np.empty(0, np.int64)]
    for label in np.unique(values[values != IGNORED]):
        members = np.flatnonzero(values == label)
        number = min(len(members), max(MIN_ROWS, round(share * len(members))))
        chosen.append(random.choice(members, number, replace=False))
    return np.sort(np.concatenate(chosen))
