"""Heads that are fitted to labelled cells in seconds: nearest cells, and logistic regression.

Each cell of a feature map is one row, with the class of most of its pixels.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold
from torch import Tensor, nn

from polyscale.data import IGNORED
from polyscale.errors import InputError
from polyscale.learning.heads.dense.segmentation import (
    LinearSegmentation,
    SegmentationHead,
)
from polyscale.learning.heads.dense.train import Maps, MapTensor, Targets, constructor_arguments
from polyscale.learning.heads.logistic import choose_penalty, product_precision
from polyscale.learning.heads.logistic_solver import Problem, Rows, standardise
from polyscale.learning.heads.neighbours import TEMPERATURE
from polyscale.types import HW, Progress, silent

IMAGES = 16
"""Number of maps that are read at once."""

MIN_ROWS = 16
"""Number of rows of each class that a sample keeps, where there are that many."""

BLOCK = 1024
"""Number of cells at once, each compared with the whole bank of neighbours."""

TOLERANCE = 1e-4
"""Relative gradient of the final logistic fit; a smaller one does not change labels of cells."""

UNSEEN = -1e4
"""Logit of a class without a training cell."""


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
    """The most frequent class of the labelled pixels whose centres lie in each cell.

    Of equally frequent classes the first is taken. A cell without a labelled pixel is `IGNORED`.

    Labels of pixels are (num, label_h, label_w), those of cells (num, *grid_hw).
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
    ).reshape(num, grid_h, grid_w, num_classes)
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
    blocks = [np.arange(s, min(s + IMAGES, num)) for s in range(0, num, IMAGES)]
    labels = np.concatenate(
        [cell_labels(targets.take(block), (grid_h, grid_w), num_classes) for block in blocks]
    ).ravel()
    chosen = _sample(labels, seed, max_rows)
    if len(np.unique(labels[chosen])) < 2:
        raise InputError(
            "targets must hold at least two classes, but got "
            f"{len(np.unique(labels[chosen]))}. Add images with labels of another class."
        )
    images = chosen // (grid_h * grid_w)
    features = np.empty((len(chosen), channels), np.float32)
    for block in blocks:
        inside = (images >= block[0]) & (images <= block[-1])
        cells = maps.take(block).reshape(-1, channels)
        features[inside] = cells[chosen[inside] - block[0] * grid_h * grid_w]
        progress(step, int(block[-1]) + 1, num, "images")
    return Cells(features, labels[chosen], images)


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


class NeighbourSegmentation(SegmentationHead):
    """The nearest cells of training images vote; nothing is trained.

    Channels are standardised by the training cells, then each cell is scaled to length 1.

    Args:
        num_rows: number of cells in the bank.
        k: number of neighbours that vote.
    """

    mean: Tensor
    deviation: Tensor
    bank: Tensor
    labels: Tensor

    def __init__(self, *, in_channels: int, num_classes: int, num_rows: int, k: int = 20) -> None:
        config = constructor_arguments(locals())
        super().__init__()
        self.config = config
        self.num_classes, self.k = num_classes, min(k, num_rows)
        self.register_buffer("mean", torch.zeros(in_channels))
        self.register_buffer("deviation", torch.ones(in_channels))
        # half the space on the disk, and precise enough for cosines
        self.register_buffer("bank", torch.zeros(num_rows, in_channels, dtype=torch.float16))
        self.register_buffer("labels", torch.zeros(num_rows, dtype=torch.int64))

    @torch.no_grad()
    def remember(
        self, features: Float[Tensor, "num_rows channels"], labels: Int64[Tensor, " num_rows"]
    ) -> None:
        """Fill the bank with labelled cells and their classes."""
        self.mean.copy_(features.mean(dim=0))
        spread = features.std(dim=0, correction=0)
        self.deviation.copy_(torch.where(spread > 0, spread, 1))
        self.bank.copy_(self._directions(features))
        self.labels.copy_(labels)

    @torch.no_grad()
    def cell_scores(self, maps: MapTensor) -> Float[Tensor, "batch num_classes h w"]:
        """Votes for each class, which sum to 1 over the classes."""
        batch, _, h, w = maps.shape
        cells = self._directions(maps.float().permute(0, 2, 3, 1).flatten(0, 2))
        bank = self.bank.float()
        votes = cells.new_zeros(len(cells), self.num_classes)
        for block, block_votes in zip(cells.split(BLOCK), votes.split(BLOCK), strict=True):
            cosine, nearest = (block @ bank.T).topk(self.k, dim=1)
            weight = (cosine / TEMPERATURE).softmax(dim=1)
            block_votes.scatter_add_(1, self.labels[nearest], weight)
        return votes.view(batch, h, w, -1).permute(0, 3, 1, 2)

    def _directions(self, cells: Float[Tensor, "n channels"]) -> Float[Tensor, "n channels"]:
        return F.normalize((cells - self.mean) / self.deviation, dim=1)


def fit_cells_logistic(
    cells: Cells, num_classes: int, seed: int, *, regulariser: float | None = None
) -> LinearSegmentation:
    """Multinomial logistic regression on cells, with λ chosen or given.

    Classes without a cell never win. λ is relative to the mean squared norm of the standardised
    features; the seed is that of the halves on which it is chosen.

    Raises:
        InputError: if λ is to be chosen, and fewer than two classes are in both halves.
    """
    present, labels = np.unique(cells.labels, return_inverse=True)
    rows = standardise(cells.features, product_precision(cells.features))
    problem = Problem.of(rows, labels)
    if regulariser is None:
        regulariser = _choose_regulariser(problem, cells.images, seed)
    preconditioner = problem.preconditioner(regulariser)
    model, _ = problem.fit(regulariser, preconditioner, problem.prior, TOLERANCE)
    return _as_head(model, rows, present, num_classes)


def _choose_regulariser(problem: Problem, images: NDArray[np.int64], seed: int) -> float:
    """λ by the log loss of cells in images that were held out, each half of the images in turn.

    A class whose cells are all in one half has no part in the choice.
    """
    labels = problem.labels
    # the class of each pair of class and image
    of_pairs = np.unique(np.stack([labels, images], axis=1), axis=0)[:, 0]
    kept = np.flatnonzero(np.bincount(of_pairs)[labels] > 1)
    folds = np.full(len(labels), -1)
    if len(kept):
        splitter = StratifiedGroupKFold(2, shuffle=True, random_state=seed)
        for fold, (_, held_out) in enumerate(splitter.split(kept, labels[kept], images[kept])):
            folds[kept[held_out]] = fold
    shared = np.intersect1d(labels[folds == 0], labels[folds == 1])
    if len(shared) < 2:
        raise InputError(
            "targets must show two classes or more in several images each, to choose λ on, "
            f"but got {len(shared)}. Add images, or give a regulariser."
        )
    kept = np.flatnonzero(np.isin(labels, shared))
    compact = np.searchsorted(shared, labels[kept])
    return choose_penalty(replace(problem.subset(kept), labels=compact), folds[kept]).penalty


@torch.no_grad()
def _as_head(
    model: NDArray[np.float64], rows: Rows, present: NDArray[np.int64], num_classes: int
) -> LinearSegmentation:
    """The model as a module: its norm standardises, and the weights contain the rest."""
    head = LinearSegmentation(in_channels=len(rows.mean), num_classes=num_classes)
    constant = rows.scale == 0
    size = 1 / np.where(constant, 1, rows.scale)
    variance = np.maximum(size**2 - head.norm.eps, 0)
    weights = model[:, :-1] * rows.scale * np.sqrt(variance + head.norm.eps)
    intercept = model[:, -1]
    if len(present) == 2:  # both share one vector
        weights, intercept = (np.concatenate([0 * a, a]) for a in (weights, intercept))
    assert head.norm.running_mean is not None
    assert head.norm.running_var is not None
    assert head.classify.bias is not None
    head.norm.running_mean.copy_(torch.from_numpy(np.asarray(rows.mean)))
    head.norm.running_var.copy_(torch.from_numpy(variance))
    head.classify.bias.fill_(UNSEEN)
    head.classify.weight[present, :, 0, 0] = torch.from_numpy(weights).float()
    head.classify.bias[present] = torch.from_numpy(intercept).float()
    return head


def fit_patches(
    kind: str,
    maps: Maps,
    targets: Targets,
    *,
    num_classes: int,
    seed: int = 0,
    max_rows: int = 4096,
    step: str = "cells",
    progress: Progress = silent,
    **options: Any,
) -> nn.Module:
    """Fit a head to labelled cells.

    Args:
        kind: "knn" or "logistic".
        maps: features of the training images.
        targets: labels of the same images.
        num_classes: labels are below it.
        seed: of the sample of cells, and of the folds.
        max_rows: approximate number of cells in the sample.
        step: name of the step in progress.
        progress: told the number of images that were read.
        options: `k` of "knn"; `regulariser` of "logistic", a fixed λ instead of a chosen one.

    Returns:
        A head in evaluation mode.

    Raises:
        InputError: if the kind or an option is not known, maps and targets differ in number, or
            there are fewer than two classes.
    """
    check_patch_options(kind, {"max_rows": max_rows, **options})
    cells = sample_cells(
        maps,
        targets,
        num_classes=num_classes,
        seed=seed,
        max_rows=max_rows,
        step=step,
        progress=progress,
    )
    if kind == "logistic":
        return fit_cells_logistic(cells, num_classes, seed, **options).eval()
    num_rows, channels = cells.features.shape
    head = NeighbourSegmentation(
        in_channels=channels, num_classes=num_classes, num_rows=num_rows, **options
    )
    head.remember(torch.from_numpy(cells.features), torch.from_numpy(cells.labels))
    return head.eval()


def check_patch_options(kind: str, options: Mapping[str, Any]) -> None:
    """Refuse kinds and options that `fit_patches` does not know, and options that are not above 0.

    Raises:
        InputError: naming the kind or the option.
    """
    known = {"knn": {"k"}, "logistic": {"regulariser"}}
    if kind not in known:
        raise InputError(f"kind must be 'knn' or 'logistic', but got {kind!r}.")
    if unknown := sorted(options.keys() - known[kind] - {"max_rows"}):
        raise InputError(
            f"options of {kind} must be among max_rows and {', '.join(known[kind])}, "
            f"but got {unknown[0]}."
        )
    for name, value in options.items():
        if not value > 0:
            raise InputError(f"{name} must be above 0, but got {value}.")
