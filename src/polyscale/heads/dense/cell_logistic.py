"""Multinomial logistic regression on cells, with the solver of the linear probe, as a module."""

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from polyscale.errors import InputError
from polyscale.heads.dense.cells import Cells
from polyscale.heads.dense.linear import LinearSegmentation
from polyscale.heads.fit import fit, frequencies, gradient_at_zero
from polyscale.heads.logistic import LARGE
from polyscale.heads.metric import Metric, class_variance
from polyscale.heads.objective import Linear
from polyscale.heads.path import LAMBDAS, choose_penalty
from polyscale.heads.rows import Rows, standardise

TOLERANCE = 1e-4
"""Relative gradient norm of the final fit: labels of cells do not change beyond it."""

UNSEEN = -1e4
"""Logit of a class without a training cell."""


def fit_cells_logistic(
    cells: Cells, num_classes: int, seed: int, *, regulariser: float | None = None
) -> LinearSegmentation:
    """Fit it, λ chosen or given.

    Args:
        cells: features and labels; classes without a cell never win.
        num_classes: labels are below it.
        seed: of the halves that λ is chosen on.
        regulariser: λ, relative to the mean squared norm of the standardised features.

    Raises:
        InputError: if λ is to be chosen, and fewer than two classes are in both halves.
    """
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
