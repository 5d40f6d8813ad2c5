"""Percentile intervals of any statistic of paired samples."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from polyscale.stats.intervals import LEVEL, NUM_RESAMPLES

Statistic = Callable[..., NDArray[np.float64]]
"""Samples (…, n) → values (…): computed along the last axis."""


def bootstrap_interval(
    statistic: Statistic, *samples: NDArray[np.floating], seed: int = 0
) -> tuple[float, float] | None:
    """95 % interval by resampling cases, the same ones of every sample.

    Args:
        statistic: of the samples.
        samples: each (n,), entry i of all belonging to case i.
        seed: of the resampling.

    Returns:
        Low and high end, or None where there is one case, which tells nothing of spread.
    """
    num = len(samples[0])
    if num < 2:
        return None
    drawn = np.random.default_rng(seed).integers(num, size=(NUM_RESAMPLES, num))
    values = statistic(*(np.asarray(sample, np.float64)[drawn] for sample in samples))
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
