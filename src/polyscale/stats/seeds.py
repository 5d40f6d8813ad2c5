"""Several trainings of the same head: spread between seeds, kept apart from that of the images."""

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
        mean: of them.
        seed_std: standard deviation between seeds: how another training would come out. The test
            images are the same, so their sampling is no part of it.
        ci_low: lower end of the mean's 95 % interval over test images: how other images would
            come out. Each resampled image brings its values of all seeds.
        ci_high: its upper end.
    """

    values: tuple[float, ...]
    mean: float
    seed_std: float
    ci_low: float
    ci_high: float


def over_seeds(
    values: Float[NDArray[np.number], "num_seeds num_test"], *, seed: int = 0
) -> SeedSpread:
    """What seeds and what test images add to the uncertainty, apart.

    Args:
        values: of each seed and image: right (1) or wrong (0), an error, or the difference of two
            candidates in either.
        seed: of the resampling.

    Raises:
        InputError: if there are fewer than three seeds, or no images.
    """
    if values.ndim != 2 or values.shape[0] < MIN_SEEDS or values.shape[1] == 0:
        raise InputError(
            f"values must be at least {MIN_SEEDS} seeds by test images, "
            f"but got shape {values.shape}. Train the head with more seeds."
        )
    by_seed = values.mean(axis=1)
    means = resampled_means(values.mean(axis=0, dtype=np.float64)[:, None], seed)[:, 0]
    low, high = percentile_interval(means)
    return SeedSpread(
        values=tuple(float(v) for v in by_seed),
        mean=float(by_seed.mean()),
        seed_std=float(by_seed.std(ddof=1)),
        ci_low=low,
        ci_high=high,
    )
