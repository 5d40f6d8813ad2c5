"""k nearest neighbours by cosine, votes weighted as in DINO (Caron et al., ICCV 2021): exp(s / T).

k is chosen by leave-one-out on the training rows. Similarities are taken block by block; the
whole matrix of distances is never held.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyscale.errors import InputError
from polyscale.learning.heads.probe_data import Features, Labels, check_split

Array = NDArray[np.float64]

TEMPERATURE = 0.07
"""T, DINO's."""

BLOCK = 256
"""Rows at once, each against all training rows."""


@dataclass(frozen=True)
class KnnResult:
    """What the neighbours predict.

    Attributes:
        probabilities: votes of each class, summing to 1 (num_test, num_classes).
        k: how many neighbours vote.
        leave_one_out: accuracy on the training rows of each k that was tried.
    """

    probabilities: Array
    k: int
    leave_one_out: dict[int, float]


def fit_knn(
    train: Features, labels: Labels, test: Features, *, ks: Sequence[int] = (1, 5, 10, 20)
) -> KnnResult:
    """Choose k on the training rows, then let neighbours of the test rows vote.

    Of equally good k the smallest is taken. A k of as many rows as there are, or more, is not
    tried.

    Args:
        train: features (num_train, dim).
        labels: 0 … classes - 1 (num_train,).
        test: features (num_test, dim).
        ks: to choose from.

    Raises:
        InputError: if rows don't fit or are not finite, or no k is from 1 to num_train - 1.
    """
    num_classes = check_split(train, labels, test)
    tried = sorted({k for k in ks if 1 <= k < len(train)})
    if not tried:
        raise InputError(f"ks must hold one from 1 to {len(train) - 1}, but got {list(ks)}.")
    bank = _normalise(train)
    hits = dict.fromkeys(tried, 0)
    for start in range(0, len(bank), BLOCK):
        similarity = bank[start : start + BLOCK] @ bank.T
        rows = np.arange(len(similarity))
        similarity[rows, start + rows] = -np.inf  # no row is its own neighbour
        nearest, cosine = _nearest(similarity, tried[-1])
        for k in tried:
            votes = _votes(labels[nearest[:, :k]], cosine[:, :k], num_classes)
            hits[k] += int((votes.argmax(axis=1) == labels[start + rows]).sum())
    best = max(tried, key=lambda k: hits[k])
    probabilities = np.empty((len(test), num_classes))
    for start in range(0, len(test), BLOCK):
        similarity = _normalise(test[start : start + BLOCK]) @ bank.T
        nearest, cosine = _nearest(similarity, best)
        probabilities[start : start + BLOCK] = _votes(labels[nearest], cosine, num_classes)
    return KnnResult(probabilities, best, {k: hits[k] / len(train) for k in tried})


def _normalise(features: Features) -> NDArray[np.float32]:
    """To length 1; a row of zeros stays."""
    length = np.linalg.norm(features.astype(np.float32, copy=False), axis=1, keepdims=True)
    return (features / np.where(length > 0, length, 1)).astype(np.float32, copy=False)


def _nearest(
    similarity: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Columns of the k largest of each row, falling, and the values (num, k)."""
    largest = np.argpartition(similarity, -k, axis=1)[:, -k:]
    values = np.take_along_axis(similarity, largest, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    return np.take_along_axis(largest, order, axis=1), np.take_along_axis(values, order, axis=1)


def _votes(labels: Labels, cosine: NDArray[np.float32], num_classes: int) -> Array:
    # relative to the nearest: the sum is 1 in the end, and exp can't overflow
    weight = np.exp((cosine - cosine[:, :1]).astype(np.float64) / TEMPERATURE)
    votes = np.zeros((len(labels), num_classes))
    np.add.at(votes, (np.arange(len(labels))[:, None], labels), weight)
    return votes / votes.sum(axis=1, keepdims=True)
