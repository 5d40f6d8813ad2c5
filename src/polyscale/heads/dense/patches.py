"""Heads that are fitted to cells in one go, in seconds: k nearest cells, logistic regression."""

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold
from torch import nn

from polyscale.errors import InputError
from polyscale.heads.dense.cells import Cells, sample_cells
from polyscale.heads.dense.head import Maps, Targets
from polyscale.heads.dense.linear import LinearSegmentation
from polyscale.heads.dense.neighbours import NeighbourSegmentation
from polyscale.heads.fit import fit, frequencies, gradient_at_zero
from polyscale.heads.logistic import LARGE
from polyscale.heads.metric import Metric, class_variance
from polyscale.heads.objective import Linear
from polyscale.heads.path import LAMBDAS, choose_penalty
from polyscale.heads.rows import Rows, standardise
from polyscale.types import Progress, silent

PatchKind = Literal["knn", "logistic"]

TOLERANCE = 1e-4
"""Relative gradient norm of the final fit: labels of cells do not change beyond it."""

UNSEEN = -1e4
"""Logit of a class without a training cell."""


def fit_patches(
    kind: PatchKind,
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
    """Fit a head to labelled cells, of which each has the class of most of its pixels.

    Args:
        kind: "knn" or "logistic".
        maps: features of the training images.
        targets: labels of the same.
        num_classes: labels are below it.
        seed: of the sample of cells, and of the folds.
        max_rows: cells of the sample, about.
        step: how progress calls it.
        progress: told the images that were read.
        options: `k` of "knn"; `regulariser`, the λ, of "logistic", instead of one chosen.

    Returns:
        A `DenseHead` in evaluation mode.

    Raises:
        InputError: if the kind or an option is not known, maps and targets differ in number, or
            there are fewer than two classes.
    """
    known = {"knn": {"k"}, "logistic": {"regulariser"}}
    if kind not in known:
        raise InputError(f"kind must be 'knn' or 'logistic', but got {kind!r}.")
    if unknown := sorted(set(options) - known[kind]):
        raise InputError(
            f"options of {kind} must be among max_rows and {', '.join(known[kind])}, "
            f"but got {unknown[0]}."
        )
    for name, value in {"max_rows": max_rows, **options}.items():
        if not value > 0:
            raise InputError(f"{name} must be above 0, but got {value}.")
    cells = sample_cells(
        maps,
        targets,
        num_classes=num_classes,
        seed=seed,
        max_rows=max_rows,
        step=step,
        progress=progress,
    )
    make = _knn if kind == "knn" else _logistic
    return make(cells, num_classes, seed, **options).eval()


def _knn(cells: Cells, num_classes: int, seed: int, *, k: int = 20) -> nn.Module:
    num_rows, channels = cells.features.shape
    head = NeighbourSegmentation(
        in_channels=channels, num_classes=num_classes, num_rows=num_rows, k=k
    )
    head.remember(torch.from_numpy(cells.features), torch.from_numpy(cells.labels))
    return head


def _logistic(
    cells: Cells, num_classes: int, seed: int, *, regulariser: float | None = None
) -> nn.Module:
    present, labels = np.unique(cells.labels, return_inverse=True)
    rows, _ = standardise(cells.features, cells.features[:1])
    dtype = np.float32 if cells.features.size >= LARGE else np.float64
    gram = rows.gram(dtype)
    if regulariser is None:
        regulariser = _choose(rows, labels, cells.images, gram, dtype, seed)
    model, _ = fit(
        rows,
        labels,
        regulariser,
        Metric.of(gram, class_variance(labels), regulariser),
        frequencies(labels, len(gram)),
        at_zero=gradient_at_zero(rows, labels, len(gram), dtype),
        tolerance=TOLERANCE,
        dtype=dtype,
    )
    return _as_head(model, rows, present, num_classes)


def _choose(
    rows: Rows,
    labels: NDArray[np.int64],
    images: NDArray[np.int64],
    gram: NDArray[np.floating],
    dtype: type[np.float32] | type[np.float64],
    seed: int,
) -> float:
    """λ by the log loss of cells in images that were held out, each half of them in turn.

    A class whose cells are all in one half has no part in the choice.
    """
    seen = np.unique(np.stack([labels, images], axis=1), axis=0)[:, 0]  # classes, once an image
    kept = np.flatnonzero(np.bincount(seen)[labels] > 1)
    folds = np.full(len(labels), -1)
    if len(kept):
        splitter = StratifiedGroupKFold(2, shuffle=True, random_state=seed)
        for fold, (_, held) in enumerate(splitter.split(kept, labels[kept], images[kept])):
            folds[kept[held]] = fold
    shared = np.intersect1d(labels[folds == 0], labels[folds == 1])
    if len(shared) < 2:
        raise InputError(
            "targets must show two classes or more in several images each, to choose λ on, "
            f"but got {len(shared)}. Add images, or give a regulariser."
        )
    kept = np.flatnonzero(np.isin(labels, shared))
    compact = np.searchsorted(shared, labels[kept])
    return LAMBDAS[choose_penalty(rows.subset(kept), compact, folds[kept], gram, dtype).index]


@torch.no_grad()
def _as_head(
    model: Linear, rows: Rows, present: NDArray[np.int64], num_classes: int
) -> LinearSegmentation:
    """The same map as a module: standardised by the norm, the rest in the weights."""
    head = LinearSegmentation(in_channels=len(rows.mean), num_classes=num_classes)
    constant = rows.scale == 0
    size = 1 / np.where(constant, 1, rows.scale)
    variance = np.maximum(size**2 - head.norm.eps, 0)
    weights = model.weights * rows.scale * np.sqrt(variance + head.norm.eps)
    intercept = model.intercept
    if len(present) == 2:  # they share one vector
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
