"""Labelled pixels of training images, and the features that a linear head scores them by.

Such a head gives scores to cells, and pixels between them get bilinear mixtures. The mixture of the
scores is the score of the mixed features. So what the head says of a pixel is a linear map of one
row of numbers, on any grid. Pixels at nearly the same place count together, by the number of pixels
of each class.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import isqrt, prod

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array, kron

from polyscale.data import IGNORED
from polyscale.errors import InputError
from polyscale.learning.heads.dense.train import ChosenRows, Maps, Targets
from polyscale.types import HW, Progress, silent

IMAGES = 16
"""Number of maps that are read at once."""

PER_CELL = 2
"""Number of places along each side of a cell, where cells are the rows."""

MIN_ROWS = 16
"""Number of pixels of each class that a sample keeps, where there are that many."""

MAX_PIXELS = 2**24
"""Pixels from which a sample is drawn; many images are each seen on a coarser raster."""


@dataclass(frozen=True)
class Pixels:
    """Pixels with a label, by the places where they are.

    Attributes:
        features: rows of features (rows, channels), float32.
        counts: number of pixels of each class at each place, never none (places, classes), float32.
        images: number of the image of each place, in an order that is drawn (places,), rising. So
            every part of the places shows a sample of images.
        mixing: share of each row in the features of each place (places, rows); None where each
            place is a row of its own.
    """

    features: Float[np.ndarray, "rows channels"]
    counts: Float[np.ndarray, "places classes"]
    images: NDArray[np.int64]
    mixing: csr_array | None = None


def take_pixels(
    maps: Maps,
    targets: Targets,
    *,
    num_classes: int,
    max_rows: int,
    seed: int,
    step: str = "pixels",
    progress: Progress = silent,
) -> Pixels:
    """Labelled pixels and their features, in about `max_rows` rows.

    Where all cells are no more than that, they are the rows, and every pixel counts at the nearest
    of 2×2 places in its cell. Of more cells, so many pixels are drawn by the seed, and each is a
    row at its own place. A sample has the same share of each class, but at least 16 pixels where a
    class has that many, so that rare classes stay; only these may exceed `max_rows`.

    Args:
        maps: features of the images.
        targets: labels of the same images.
        num_classes: labels are below it.
        max_rows: approximate number of rows: what takes memory.
        seed: of the order of images, and of the sample.
        step: name of the step in progress.
        progress: told the number of images that were read.

    Raises:
        InputError: if maps and targets differ in number, or there are fewer than two classes.
    """
    if len(maps) != len(targets):
        raise InputError(
            f"targets must be one for each map of {len(maps)}, but got {len(targets)}. "
            "Pass both for the same images."
        )
    order = np.random.default_rng(seed).permutation(len(maps))
    maps, targets = ChosenRows(maps, order), ChosenRows(targets, order)
    takes_all = prod(maps.shape[:3]) <= max_rows

    def told(done: int) -> None:
        progress(step, done, len(maps), "images")

    if takes_all:
        pixels = _all(maps, targets, num_classes, told)
    else:
        pixels = _some(maps, targets, num_classes, max_rows, seed, told)
    check_classes(int(pixels.counts.any(axis=0).sum()))
    return pixels


def check_classes(num_classes: int) -> None:
    """Raise an InputError for labels of fewer than two classes."""
    if num_classes < 2:
        raise InputError(
            f"targets must hold at least two classes, but got {num_classes}. "
            "Add images with labels of another class."
        )


def _all(maps: Maps, targets: Targets, num_classes: int, told: Callable[[int], None]) -> Pixels:
    """All cells as rows, and several places of each."""
    num, grid_h, grid_w, channels = maps.shape
    places_hw = PER_CELL * grid_h, PER_CELL * grid_w
    of_image = _mixing(places_hw, (grid_h, grid_w))
    features = np.empty((num, grid_h, grid_w, channels), np.float32)
    counts = np.empty((num, *places_hw, num_classes), np.float32)
    for block in image_blocks(num):
        features[block] = maps.take(block)
        counts[block] = cell_counts(targets.take(block), places_hw, num_classes)
        told(int(block[-1]) + 1)
    of_places = counts.reshape(-1, num_classes)
    known = np.flatnonzero(of_places.any(axis=1))
    return Pixels(
        features.reshape(-1, channels),
        of_places[known],
        known // of_image.shape[0],
        csr_array(kron(eye_array(num, dtype=np.float32), of_image, format="csr"))[known],
    )


def _some(
    maps: Maps,
    targets: Targets,
    num_classes: int,
    max_rows: int,
    seed: int,
    told: Callable[[int], None],
) -> Pixels:
    """A sample of labelled pixels, each a row."""
    side = max(1, isqrt(MAX_PIXELS // len(maps)))
    rasters = _rasters(targets, (side, side))
    chosen = sample_labelled(rasters.ravel(), max_rows, seed)
    image, row, column = np.unravel_index(chosen, rasters.shape)
    y, x = (row + 0.5) / rasters.shape[1], (column + 0.5) / rasters.shape[2]
    features = np.empty((len(chosen), maps.shape[3]), np.float32)
    for block in image_blocks(len(maps)):
        own = slice(*np.searchsorted(image, [block[0], block[-1] + 1]))
        features[own] = bilinear(maps.take(block), image[own] - block[0], y[own], x[own])
        told(int(block[-1]) + 1)
    return Pixels(features, np.eye(num_classes, dtype=np.float32)[rasters.ravel()[chosen]], image)


def cell_counts(labels: NDArray[np.integer], grid_hw: HW, num_classes: int) -> NDArray[np.int64]:
    """How many labelled pixels of each class have their centres in each cell.

    Labels of pixels are (num, label_h, label_w), counts (num, *grid_hw, num_classes).
    """
    num, (grid_h, grid_w) = len(labels), grid_hw
    row, column = (
        ((np.arange(size) + 0.5) * n / size).astype(np.int64)
        for n, size in zip(grid_hw, labels.shape[1:], strict=True)
    )
    cell = (np.arange(num)[:, None, None] * grid_h + row[:, None]) * grid_w + column
    labelled = labels != IGNORED
    counts = np.bincount(
        cell[labelled] * num_classes + labels[labelled],
        minlength=num * grid_h * grid_w * num_classes,
    )
    return counts.reshape(num, grid_h, grid_w, num_classes)


def image_blocks(num: int) -> list[NDArray[np.int64]]:
    """Images that are read together."""
    return [np.arange(start, min(start + IMAGES, num)) for start in range(0, num, IMAGES)]


def _rasters(targets: Targets, most_hw: HW) -> NDArray[np.integer]:
    """Labels (num, h, w) on a raster of at most this size."""
    return np.concatenate([_thinned(targets.take(b), most_hw) for b in image_blocks(len(targets))])


def _mixing(raster_hw: HW, grid_hw: HW) -> csr_array:
    """Share of each cell in each pixel of a raster (raster_h · raster_w, grid_h · grid_w)."""
    axes = []
    for num, size in zip(raster_hw, grid_hw, strict=True):
        before, after, share = _neighbours((np.arange(num) + 0.5) / num, size)
        places = np.tile(np.arange(num), 2), np.concatenate([before, after])
        shares = np.concatenate([1 - share, share])[:, 0]
        axes.append(csr_array((shares, places), shape=(num, size)))
    return csr_array(kron(*axes, format="csr"))


def bilinear(
    maps: Float[np.ndarray, "num h w channels"],
    image: NDArray[np.integer],
    y: NDArray[np.floating],
    x: NDArray[np.floating],
) -> Float[np.ndarray, "rows channels"]:
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
) -> tuple[NDArray[np.int64], NDArray[np.int64], Float[np.ndarray, "rows 1"]]:
    """The cells before and after each place, and the share of the latter."""
    at = np.clip(place * size - 0.5, 0, size - 1)
    before = at.astype(np.int64)
    return before, np.minimum(before + 1, size - 1), (at - before).astype(np.float32)[:, None]


def _thinned(targets: NDArray, most_hw: HW) -> NDArray:
    """Targets (num, h, w) on a raster of at most this size, by the pixels at its centres."""
    rows, columns = (
        ((np.arange(n) + 0.5) * size / n).astype(np.int64)
        for size, n in zip(targets.shape[1:], map(min, targets.shape[1:], most_hw), strict=True)
    )
    return targets[:, rows[:, None], columns]


def sample_labelled(values: NDArray, max_rows: int, seed: int) -> NDArray[np.int64]:
    """Indices of about `max_rows` labelled values, rising: the same share of each class.

    A class with at least 16 values keeps at least 16, so that rare classes stay.
    """
    labelled = int((values != IGNORED).sum())
    share = min(1.0, max_rows / max(labelled, 1))
    generator = np.random.default_rng(seed)
    chosen = [np.empty(0, np.int64)]
    for label in np.unique(values[values != IGNORED]):
        members = np.flatnonzero(values == label)
        number = min(len(members), max(MIN_ROWS, round(share * len(members))))
        chosen.append(generator.choice(members, number, replace=False))
    return np.sort(np.concatenate(chosen))
