"""Several trainings of the same head: spread between seeds, apart from the spread over images."""

from dataclasses import dataclass
from math import sqrt

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
        num_test: number of test images.
    """

    values: tuple[float, ...]
    mean: float
    seed_std: float
    ci_low: float
    ci_high: float
    num_test: int


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
        num_test=values.shape[1],
    )


@dataclass(frozen=True, kw_only=True)
class BothSpread:
    """A mean over seeds, with the choice of test images and the choice of seeds together.

    Attributes:
        mean: over seeds and test images.
        error: standard error of the mean.
        freedom: degrees of freedom of Student's t for it.
    """

    mean: float
    error: float
    freedom: float

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Where the true mean lies, at a level of confidence."""
        reach = float(t.ppf((1 + level) / 2, self.freedom)) * self.error
        return self.mean - reach, self.mean + reach

    @property
    def p_value(self) -> float:
        """That the true mean is zero, two-sided."""
        return min(1.0, 2 * self._tail(abs(self.mean), self.error_at(0)))

    def p_beyond(self, margin: float) -> float:
        """That the true mean is farther from zero than a margin (two one-sided tests)."""
        return self._tail(margin - abs(self.mean), self.error_at(margin))

    def error_at(self, mean: float) -> float:
        """Standard error if the true mean were this one; here it is the same for all."""
        return self.error

    def _tail(self, distance: float, error: float) -> float:
        """That an estimate is off by as much as a distance, to one side."""
        if error == 0:
            return float(distance <= 0)
        return float(t.sf(distance / error, self.freedom))


def over_both(spread: SeedSpread) -> BothSpread:
    """An interval that covers other test images as well as other seeds.

    The variance over test images and that of the mean over seeds are added. Each is estimated from
    a limited number of images or seeds, so Student's t is used, with Welch and Satterthwaite's
    degrees of freedom: close to those of the seeds if seeds vary most, and to those of the images
    if images vary most.
    """
    num = len(spread.values)
    of_images = ((spread.ci_high - spread.ci_low) / (2 * norm.ppf((1 + LEVEL) / 2))) ** 2
    of_seeds = spread.seed_std**2 / num
    variance = of_images + of_seeds
    unsure = of_images**2 / max(spread.num_test - 1, 1) + of_seeds**2 / (num - 1)
    freedom = variance**2 / unsure if unsure else max(spread.num_test - 1, 1)
    return BothSpread(mean=spread.mean, error=sqrt(variance), freedom=freedom)
