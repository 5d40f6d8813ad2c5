"""Several trainings of the same head: spread between seeds, apart from the spread over images."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from polyscale.errors import InputError
from polyscale.stats.intervals import percentile_interval, resampled_means

MIN_SEEDS = 3


@dataclass(frozen=True, kw_only=True)
class SeedSpread:
    """A metric over several seeds of the head.

    Attributes:
        values: of each seed, over all test images.
        mean: of the values.
        seed_std: standard deviation between seeds: how another training would turn out on the same
            test images.
        ci_low: lower end of the 95 % interval of the mean over test images: how other images would
            turn out with the same trainings.
        ci_high: upper end of this interval.
    """

    values: tuple[float, ...]
    mean: float
    seed_std: float
    ci_low: float
    ci_high: float


def over_seeds(
    values: Float[NDArray[np.number], "num_seeds num_test"], *, seed: int = 0
) -> SeedSpread:
    """Separate the uncertainty that comes from seeds from the one that comes from test images.

    Args:
        values: for each seed and image, right (1) or wrong (0), an error, or the difference of two
            candidates in either.
        seed: random seed of the resampling.

    Raises:
        InputError: if there are fewer than three seeds, or no images.
    """
    if values.ndim != 2 or values.shape[0] < MIN_SEEDS or values.shape[1] == 0:
        raise InputError(
            f"values must be at least {MIN_SEEDS} seeds by test images, "
            f"but got shape {values.shape}. Train the head with more seeds."
        )
    by_seed = values.mean(axis=1)
    by_image = values.mean(axis=0, dtype=np.float64)
    low, high = percentile_interval(resampled_means(by_image[:, None], seed)[:, 0])
    return SeedSpread(
        values=tuple(by_seed.tolist()),
        mean=float(by_seed.mean()),
        seed_std=float(by_seed.std(ddof=1)),
        ci_low=low,
        ci_high=high,
    )
