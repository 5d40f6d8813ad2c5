"""Intervals: Wilson's for a share, percentiles of a bootstrap for everything else."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, bootstrap

from polyscale.stats.equivalence import ALPHA

LEVEL = 0.95
NUM_RESAMPLES = 10_000


def accuracy_intervals(correct: Mapping[str, NDArray[np.bool_]]) -> dict[str, tuple[float, float]]:
    """Wilson's 95 % interval of each candidate's accuracy, which is valid near 0 and 1 as well.

    Args:
        correct: for each candidate, whether it was right on each test image (num_test,).
    """
    intervals = {}
    for name, right in correct.items():
        test = binomtest(int(right.sum()), len(right))
        low, high = test.proportion_ci(LEVEL, method="wilson")
        intervals[name] = float(low), float(high)
    return intervals


def percentile_interval(
    resampled: NDArray[np.float64], level: float = LEVEL
) -> tuple[float, float]:
    """The range of the middle `level` of the values of all resamples (num_resamples,)."""
    tail = (1 - level) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return float(low), float(high)


def difference_intervals(differences: NDArray[np.float64]) -> dict[str, Any]:
    """The 95 % and the 90 % interval of resampled differences, as fields of a `Contrast`."""
    low, high = percentile_interval(differences)
    low90, high90 = percentile_interval(differences, 1 - 2 * ALPHA)
    return {"ci_low": low, "ci_high": high, "ci90_low": low90, "ci90_high": high90}


def bootstrap_interval(
    statistic: Callable[..., NDArray[np.float64]], *samples: NDArray[np.floating], seed: int = 0
) -> tuple[float, float] | None:
    """The 95 % percentile interval of a statistic of paired samples.

    Args:
        statistic: samples (..., num_cases) → values (...).
        samples: arrays (num_cases,) in which entry i always belongs to case i.
        seed: random seed of the resampling.

    Returns:
        None for a single case, which says nothing about the spread.
    """
    if len(samples[0]) < 2:
        return None
    result = bootstrap(
        [np.asarray(sample, np.float64) for sample in samples],
        lambda *resampled, axis: statistic(*resampled),  # the axis is always the last
        n_resamples=NUM_RESAMPLES,
        confidence_level=LEVEL,
        vectorized=True,
        paired=True,
        method="percentile",
        random_state=np.random.default_rng(seed),
    )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)


def resampled_means(rows: NDArray[np.number], seed: int) -> NDArray[np.float64]:
    """Mean of each column in each bootstrap resample of the rows (num_resamples, num_columns).

    Images with equal rows are exchangeable. A resample is therefore drawn as the number of images
    of each distinct row; rows of right and wrong answers have far fewer distinct rows than images.

    Args:
        rows: one row for each image (num_test, num_columns).
        seed: random seed of the resampling.
    """
    patterns, counts = np.unique(rows, axis=0, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(
        len(rows), counts / len(rows), size=NUM_RESAMPLES
    )
    return drawn @ patterns.astype(np.float64) / len(rows)
