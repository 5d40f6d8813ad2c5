"""Paired bootstrap over test images, and McNemar's exact test.

All candidates answer the same images, so every resample draws images once and scores all
candidates on them. What images are hard for all then cancels in the differences.
"""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from polyscale.types import Contrast

LEVEL = 0.95
NUM_RESAMPLES = 10_000


def accuracy_intervals(correct: Mapping[str, NDArray[np.bool_]]) -> dict[str, tuple[float, float]]:
    """Wilson's interval of each candidate's accuracy, 95 %: honest also near 0 and 1.

    Args:
        correct: for each candidate, whether it was right on each test image (num_test,).
    """
    return {name: _wilson(int(right.sum()), len(right)) for name, right in correct.items()}


def paired_contrasts(correct: Mapping[str, NDArray[np.bool_]], *, seed: int = 0) -> list[Contrast]:
    """Each pair of candidates: difference in accuracy, its 95 % interval and McNemar's p.

    Args:
        correct: for each candidate, whether it was right on each test image (num_test,).
        seed: of the resampling.
    """
    scores = _resampled_accuracy(correct, seed)
    index = {name: i for i, name in enumerate(correct)}
    return [
        _contrast(a, b, correct[a], correct[b], scores[:, index[a]] - scores[:, index[b]])
        for a, b in combinations(correct, 2)
    ]


def _resampled_accuracy(correct: Mapping[str, NDArray[np.bool_]], seed: int) -> NDArray[np.float64]:
    """Accuracy in each resample (resamples, candidates).

    Images on which the same candidates are right are exchangeable: a resample is how often each
    such pattern was drawn, and there are far fewer patterns than images.
    """
    matrix = np.stack(list(correct.values()), axis=1)
    patterns, counts = np.unique(matrix, axis=0, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(
        len(matrix), counts / len(matrix), size=NUM_RESAMPLES
    )
    return drawn @ patterns.astype(np.float64) / len(matrix)


def _wilson(num_right: int, num: int) -> tuple[float, float]:
    interval = binomtest(num_right, num).proportion_ci(LEVEL, method="wilson")
    return float(interval.low), float(interval.high)


def _interval(scores: NDArray[np.float64]) -> tuple[float, float]:
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(scores, [tail, 1 - tail])
    return float(low), float(high)


def _contrast(
    first: str,
    second: str,
    first_correct: NDArray[np.bool_],
    second_correct: NDArray[np.bool_],
    differences: NDArray[np.float64],
) -> Contrast:
    only_first = int((first_correct & ~second_correct).sum())
    only_second = int((~first_correct & second_correct).sum())
    discordant = only_first + only_second
    low, high = _interval(differences)
    return Contrast(
        first=first,
        second=second,
        metric="accuracy",
        difference=float(first_correct.mean() - second_correct.mean()),
        ci_low=low,
        ci_high=high,
        only_first=only_first,
        only_second=only_second,
        p_value=float(binomtest(only_first, discordant).pvalue) if discordant else 1.0,
        num_test=len(first_correct),
    )
