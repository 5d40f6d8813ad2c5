"""Labelled cells of training images: what feature maps hold, and the class of most pixels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyscale.data import IGNORED
from polyscale.errors import InputError
from polyscale.learning.heads.dense.pixels import (
    cell_counts,
    check_classes,
    image_blocks,
    sample_labelled,
)
from polyscale.learning.heads.dense.train import Maps, Targets
from polyscale.types import HW, Progress, silent


@dataclass(frozen=True)
class Cells:
    """Labelled cells of feature maps.

    Attributes:
        features: as extracted (rows, channels), float32.
        labels: class of each (rows,).
        images: index of the image of each (rows,).
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    images: NDArray[np.int64]


def cell_labels(labels: NDArray[np.integer], grid_hw: HW, num_classes: int) -> NDArray[np.int64]:
    """The most frequent class of the labelled pixels of each cell.

    Of equally frequent classes the first is taken. A cell without a labelled pixel is `IGNORED`.

    Labels of pixels are (num, label_h, label_w), those of cells (num, *grid_hw).
    """
    counts = cell_counts(labels, grid_hw, num_classes)
    return np.where(counts.any(axis=-1), counts.argmax(axis=-1), IGNORED)


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
    """Labelled cells of all images, or a sample of about `max_rows` of them.

    A sample takes the same share of each class, but at least 16 cells where a class has that many,
    so that rare classes stay; only these may exceed `max_rows`.

    Raises:
        InputError: if maps and targets differ in number, or there are less than two classes.
    """
    if len(maps) != len(targets):
        raise InputError(
            f"targets must be one a map of {len(maps)}, but got {len(targets)}. "
            "Pass both for the same images."
        )
    num, grid_h, grid_w, channels = maps.shape
    blocks = image_blocks(num)
    labels = np.concatenate(
        [cell_labels(targets.take(block), (grid_h, grid_w), num_classes) for block in blocks]
    ).ravel()
    chosen = sample_labelled(labels, max_rows, seed)
    check_classes(len(np.unique(labels[chosen])))
    images = chosen // (grid_h * grid_w)
    features = np.empty((len(chosen), channels), np.float32)
    for block in blocks:
        inside = (images >= block[0]) & (images <= block[-1])
        cells = maps.take(block).reshape(-1, channels)
        features[inside] = cells[chosen[inside] - block[0] * grid_h * grid_w]
        progress(step, int(block[-1]) + 1, num, "images")
    return Cells(features, labels[chosen], images)
