"""Intervals: Wilson's for a share, percentiles of a bootstrap for the rest."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

LEVEL = 0.95
NUM_RESAMPLES = 10_000


def accuracy_intervals(correct: Mapping[str, NDArray[np.bool_]]) -> dict[str, tuple[float, float]]:
    """Wilson's interval of each candidate's accuracy, 95 %: honest also near 0 and 1.

    Args:
        correct: for each candidate, whether it was right on each test image (num_test,).
    """
    return {name: wilson(int(right.sum()), len(right)) for name, right in correct.items()}


def wilson(num_right: int, num: int) -> tuple[float, float]:
    """Wilson's 95 % interval of `num_right` out of `num`."""
    interval = binomtest(num_right, num).proportion_ci(LEVEL, method="wilson")
    return float(interval.low), float(interval.high)


def percentile_interval(
    resampled: NDArray[np.float64], level: float = LEVEL
) -> tuple[float, float]:
    """The middle `level` of the resamples (resamples,)."""
    tail = (1 - level) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return float(low), float(high)


def resampled_means(rows: NDArray[np.number], seed: int) -> NDArray[np.float64]:
    """Mean of each column in each bootstrap resample of the rows (resamples, columns).

    Images with equal rows are exchangeable: a resample is how often each such pattern was drawn,
    and where rows are right or wrong there are far fewer patterns than images.

    Args:
        rows: what is known of each image (num_test, columns).
        seed: of the resampling.
    """
    patterns, counts = np.unique(rows, axis=0, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(
        len(rows), counts / len(rows), size=NUM_RESAMPLES
    )
    return drawn @ patterns.astype(np.float64) / len(rows)
