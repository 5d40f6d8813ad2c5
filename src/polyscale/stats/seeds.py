"""Several trainings of the same head: spread between seeds, apart from the spread over images."""

from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from jaxtyping import Float
from scipy.stats import norm, t

from polyscale.errors import InputError
from polyscale.stats.intervals import LEVEL, percentile_interval, resampled_means

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


def over_seeds(values: Float[np.ndarray, "num_seeds num_test"], *, seed: int = 0) -> SeedSpread:
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


@dataclass(frozen=True, kw_only=True)
class BothSpread:
    """A mean over seeds, with the choice of test images and the choice of seeds together.

    Attributes:
        ci_low: lower end of the 95 % interval; `ci_high` is the upper end.
        p_value: two-sided, that the true mean is zero.
    """

    ci_low: float
    ci_high: float
    p_value: float


def over_both(spread: SeedSpread) -> BothSpread:
    """An interval that covers other test images as well as other seeds.

    The variance over test images and that of the mean over seeds are added. The second is known
    from few seeds, so that Student's t is used, with Welch and Satterthwaite's degrees of freedom:
    those of the seeds where seeds vary most, and of a normal distribution where they do not vary.
    """
    num = len(spread.values)
    of_images = ((spread.ci_high - spread.ci_low) / (2 * norm.ppf((1 + LEVEL) / 2))) ** 2
    of_seeds = spread.seed_std**2 / num
    if of_images + of_seeds == 0:
        return BothSpread(
            ci_low=spread.mean, ci_high=spread.mean, p_value=1.0 if spread.mean == 0 else 0.0
        )
    freedom = (num - 1) * ((of_images + of_seeds) / of_seeds) ** 2 if of_seeds else inf
    error = sqrt(of_images + of_seeds)
    reach = float(t.ppf((1 + LEVEL) / 2, freedom)) * error
    return BothSpread(
        ci_low=spread.mean - reach,
        ci_high=spread.mean + reach,
        p_value=float(2 * t.sf(abs(spread.mean) / error, freedom)),
    )
