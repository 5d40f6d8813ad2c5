"""Labelled cells of training images: what feature maps hold, and the classes of their pixels."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64
from numpy.typing import NDArray

from polyscale.data import IGNORED
from polyscale.errors import InputError
from polyscale.learning.heads.dense.train import Maps, Targets
from polyscale.types import HW, Progress, silent

IMAGES = 16
"""Number of maps that are read at once."""

MIN_ROWS = 16
"""Number of cells of each class that a sample keeps, where there are that many."""


@dataclass(frozen=True)
class Cells:
    """Cells of feature maps in which some pixel has a label.

    Attributes:
        features: as extracted (rows, channels), float32.
        shares: of each class in the labelled pixels of each cell (rows, classes), float32.
        images: index of the image of each (rows,), rising.
    """

    features: Float[NDArray[np.float32], "rows channels"]
    shares: Float[NDArray[np.float32], "rows classes"]
    images: Int64[NDArray, " rows"]

    @property
    def labels(self) -> Int64[NDArray, " rows"]:
        """The most frequent class of each; of equally frequent ones the first."""
        return self.shares.argmax(axis=1)


def count_pixels(
    labels: NDArray[np.integer], grid_hw: HW, num_classes: int
) -> Int64[NDArray, "num grid_h grid_w classes"]:
    """Number of pixels of each class whose centres lie in each cell.

    Labels of pixels are (num, label_h, label_w); `IGNORED` ones are not counted.
    """
    num, (grid_h, grid_w) = len(labels), grid_hw
    row, column = (
        ((np.arange(size) + 0.5) * n / size).astype(np.int64)
        for n, size in zip(grid_hw, labels.shape[1:], strict=True)
    )
    cell = (np.arange(num)[:, None, None] * grid_h + row[:, None]) * grid_w + column
    labelled = labels != IGNORED
    return np.bincount(
        cell[labelled] * num_classes + labels[labelled],
        minlength=num * grid_h * grid_w * num_classes,
    ).reshape(num, grid_h, grid_w, num_classes)


def sample_cells(
    maps: Maps,
    targets: Targets,
    *,
    num_classes: int,
    seed: int,
    max_rows: int,
    step: str = "cells",
    progress: Progress = silent,
) -> Cells:
    """Labelled cells of all images, or a sample of about `max_rows` of them, drawn by the seed.

    A sample takes the same share of each class, but at least 16 cells where a class has the most
    pixels in that many, so that rare classes stay; only these may exceed `max_rows`.

    Args:
        maps: features of the images.
        targets: labels of the same images.
        num_classes: labels are below it.
        seed: of the draw.
        max_rows: approximate number of cells.
        step: name of the step in progress.
        progress: told the number of images that were read.

    Raises:
        InputError: if maps and targets differ in number, or there are less than two classes.
    """
    if len(maps) != len(targets):
        raise InputError(
            f"targets must be one a map of {len(maps)}, but got {len(targets)}. "
            "Pass both for the same images."
        )
    num, *grid, channels = maps.shape
    grid_hw, per_image = (grid[0], grid[1]), grid[0] * grid[1]
    blocks = [np.arange(s, min(s + IMAGES, num)) for s in range(0, num, IMAGES)]

    def counts(block: NDArray[np.int64]) -> NDArray[np.int64]:
        return count_pixels(targets.take(block), grid_hw, num_classes).reshape(-1, num_classes)

    labels = np.concatenate([_majority(counts(block)) for block in blocks])
    chosen = _sample(labels, seed, max_rows)
    images = chosen // per_image
    features = np.empty((len(chosen), channels), np.float32)
    shares = np.empty((len(chosen), num_classes), np.float32)
    for block in blocks:
        own = slice(*np.searchsorted(images, [block[0], block[-1] + 1]))
        rows = chosen[own] - block[0] * per_image
        features[own] = maps.take(block).reshape(-1, channels)[rows]
        shares[own] = counts(block)[rows]
        progress(step, int(block[-1]) + 1, num, "images")
    shares /= shares.sum(axis=1, keepdims=True)
    if (num_seen := np.count_nonzero(shares.any(axis=0))) < 2:
        raise InputError(
            f"targets must hold at least two classes, or two depths, but got {num_seen}. "
            "Add images with another one."
        )
    return Cells(features, shares, images)


def _majority(counts: Int64[NDArray, "cells classes"]) -> Int64[NDArray, " cells"]:
    return np.where(counts.any(axis=1), counts.argmax(axis=1), IGNORED)


def _sample(labels: NDArray[np.int64], seed: int, max_rows: int) -> NDArray[np.int64]:
    """Indices of labelled cells, rising."""
    share = min(1.0, max_rows / max((labels != IGNORED).sum(), 1))
    generator = np.random.default_rng(seed)
    chosen = [np.empty(0, np.int64)]
    for label in np.unique(labels[labels != IGNORED]):
        members = np.flatnonzero(labels == label)
        number = min(len(members), max(MIN_ROWS, round(share * len(members))))
        chosen.append(generator.choice(members, number, replace=False))
    return np.sort(np.concatenate(chosen))
