"""k nearest neighbours by cosine, votes weighted as in DINO (Caron et al., ICCV 2021): exp(s / T).

k is chosen by leave-one-out on the training rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from polyscale.errors import InputError
from polyscale.learning.heads.probe_data import Features, Labels, check_split

Array = NDArray[np.float64]

TEMPERATURE = 0.07
"""T, as in DINO."""


@dataclass(frozen=True)
class KnnResult:
    """What the neighbours predict.

    Attributes:
        probabilities: votes of each class, summing to 1 (num_test, num_classes).
        k: number of neighbours that vote.
        leave_one_out: accuracy on the training rows for each k that was tried.
    """

    probabilities: Array
    k: int
    leave_one_out: dict[int, float]


def fit_knn(
    train: Features, labels: Labels, test: Features, *, ks: Sequence[int] = (1, 5, 10, 20)
) -> KnnResult:
    """Choose k on the training rows, then let neighbours of the test rows vote.

    Of equally good k the smallest is taken; only k below the number of rows are tried.

    Raises:
        InputError: if rows do not match or are not finite, or no k is from 1 to num_train - 1.
    """
    num_classes = check_split(train, labels, test)
    tried = sorted({k for k in ks if 1 <= k < len(train)})
    if not tried:
        raise InputError(f"ks must hold one from 1 to {len(train) - 1}, but got {list(ks)}.")
    bank = NearestNeighbors(n_neighbors=tried[-1], metric="cosine", algorithm="brute").fit(train)
    distance, nearest = bank.kneighbors()  # no row is its own neighbour
    leave_one_out = {}
    for k in tried:
        votes = _votes(labels[nearest[:, :k]], distance[:, :k], num_classes)
        leave_one_out[k] = float((votes.argmax(axis=1) == labels).mean())
    best = max(tried, key=lambda k: leave_one_out[k])
    distance, nearest = bank.kneighbors(test, best)
    return KnnResult(_votes(labels[nearest], distance, num_classes), best, leave_one_out)


def _votes(labels: Labels, distance: NDArray[np.floating], num_classes: int) -> Array:
    # relative to the nearest: the sum is 1 in the end, and exp cannot overflow
    weight = np.exp((distance[:, :1] - distance).astype(np.float64) / TEMPERATURE)
    votes = np.zeros((len(labels), num_classes))
    np.add.at(votes, (np.arange(len(labels))[:, None], labels), weight)
    return votes / votes.sum(axis=1, keepdims=True)
