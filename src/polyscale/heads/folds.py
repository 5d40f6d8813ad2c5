"""Folds of the training images."""

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from polyscale.heads.checks import Labels

MAX_FOLDS = 5


def stratified_folds(labels: Labels, seed: int = 0) -> NDArray[np.int64]:
    """The fold that holds out each row: five, or as many as the rarest class has rows.

    Args:
        labels: each class at least twice (num,).
        seed: of the shuffle.
    """
    num_folds = int(min(MAX_FOLDS, np.bincount(labels).min()))
    splitter = StratifiedKFold(num_folds, shuffle=True, random_state=seed)
    fold = np.empty(len(labels), np.int64)
    for number, (_, held_out) in enumerate(splitter.split(labels, labels)):
        fold[held_out] = number
    return fold


def fold_scores(
    out_of_fold: NDArray[np.floating], labels: Labels, folds: NDArray[np.int64]
) -> tuple[float, float]:
    """Log loss, in nats, and accuracy, each the mean over folds of the mean over rows.

    Args:
        out_of_fold: probabilities (num, classes).
        labels: classes (num,).
        folds: the fold that held out each row (num,).
    """
    of_own = out_of_fold[np.arange(len(labels)), labels]
    losses = -np.log(np.maximum(of_own.astype(np.float64), np.finfo(np.float32).tiny))
    right = out_of_fold.argmax(axis=1) == labels
    sizes = np.bincount(folds)
    means = [np.bincount(folds, weights=values) / sizes for values in (losses, right)]
    return float(means[0].mean()), float(means[1].mean())
