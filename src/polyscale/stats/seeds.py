"""Several trainings of the same head: spread between seeds, apart from the spread over images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import inf, sqrt

import numpy as np
from jaxtyping import Float
from scipy.stats import norm, t

from polyscale.errors import InputError
from polyscale.records import Contrast, Metric
from polyscale.stats.equivalence import ALPHA, check_unit_margin
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
        return min(1.0, 2 * self._tail(abs(self.mean)))

    def p_beyond(self, margin: float) -> float:
        """That the true mean is farther from zero than a margin (two one-sided tests)."""
        return self._tail(margin - abs(self.mean))

    def _tail(self, distance: float) -> float:
        """That an estimate is off by as much as a distance, to one side."""
        if self.error == 0:
            return float(distance <= 0)
        return float(t.sf(distance / self.error, self.freedom))


def over_both(spread: SeedSpread) -> BothSpread:
    """An interval that covers other test images as well as other seeds.

    The variance over test images and that of the mean over seeds are added. Both are known from few
    seeds and a number of images, so that Student's t is used, with Welch and Satterthwaite's
    degrees of freedom: those of the seeds where seeds vary most, and of the images where they do.
    """
    num = len(spread.values)
    of_images = ((spread.ci_high - spread.ci_low) / (2 * norm.ppf((1 + LEVEL) / 2))) ** 2
    of_seeds = spread.seed_std**2 / num
    variance = of_images + of_seeds
    unsure = of_images**2 / max(spread.num_test - 1, 1) + of_seeds**2 / (num - 1)
    return BothSpread(
        mean=spread.mean, error=sqrt(variance), freedom=variance**2 / unsure if unsure else inf
    )


def value_over_both(
    values: Float[np.ndarray, "num_seeds num_test"], *, seed: int = 0
) -> BothSpread:
    """`over_both` of a candidate's values; where they are right or wrong, also if all are alike.

    Agresti and Coull's four imaginary images, two right and two wrong, are added to images that are
    right (1) or wrong (0). Without them, no wrong image among few would count as certainty.
    """
    added = [0.0, 0.0, 1.0, 1.0] if _is_binary(values) else []
    return over_both(over_seeds(_with_images(values, added), seed=seed))


def difference_over_both(
    first: Float[np.ndarray, "num_seeds num_test"],
    second: Float[np.ndarray, "num_seeds num_test"],
    *,
    seed: int = 0,
) -> BothSpread:
    """`over_both` of the difference of two candidates, paired by image and seed.

    Where both are right (1) or wrong (0), half an imaginary image is added to each of the four ways
    in which two candidates can answer, as in Agresti and Min's interval for paired shares. Two
    images with differences of ±√½ have the same mean and variance.
    """
    added = [0.5**0.5, -(0.5**0.5)] if _is_binary(first) and _is_binary(second) else []
    return over_both(over_seeds(_with_images(first - second, added), seed=seed))


def _is_binary(values: Float[np.ndarray, "num_seeds num_test"]) -> bool:
    return bool(np.isin(values, (0, 1)).all())


def _with_images(
    values: Float[np.ndarray, "num_seeds num_test"], added: Sequence[float]
) -> Float[np.ndarray, "num_seeds num_all"]:
    """The values, and imaginary images that are alike for all seeds."""
    return np.hstack([values, np.tile(np.array(added, values.dtype), (len(values), 1))])


def training_intervals(
    values: Mapping[str, Float[np.ndarray, "num_seeds num_test"]], *, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """95 % interval of each candidate's mean, over other test images and other trainings.

    Args:
        values: for each candidate the metric of each training on each test image.
        seed: random seed of the resampling.

    Raises:
        InputError: if there are fewer than three trainings, or no images.
    """
    intervals = {}
    for name, own in values.items():
        low, high = value_over_both(own, seed=seed).interval()
        intervals[name] = (max(low, 0.0), min(high, 1.0)) if _is_binary(own) else (low, high)
    return intervals


def training_contrasts(
    values: Mapping[str, Float[np.ndarray, "num_seeds num_test"]],
    *,
    metric: Metric,
    margin: float,
    seed: int = 0,
) -> list[Contrast]:
    """Compare each pair of candidates, over other test images and other trainings.

    Args:
        values: for each candidate the metric of each training on each test image.
        metric: its key, and which direction is better.
        margin: largest difference that counts as none, in the unit of the metric, above 0.
        seed: random seed of the resampling.

    Raises:
        InputError: if there are fewer than three trainings, no images, or the margin is not above
            0.
    """
    check_unit_margin(margin, metric.key)
    contrasts = []
    for first, second in combinations(values, 2):
        both = difference_over_both(values[first], values[second], seed=seed)
        (low, high), (low90, high90) = both.interval(), both.interval(1 - 2 * ALPHA)
        contrasts.append(
            Contrast(
                first=first,
                second=second,
                metric=metric.key,
                higher_is_better=metric.higher_is_better,
                difference=float((values[first] - values[second]).mean()),
                ci_low=low,
                ci_high=high,
                ci90_low=low90,
                ci90_high=high90,
                only_first=None,
                only_second=None,
                p_value=both.p_value,
                margin=margin,
                p_equivalence=both.p_beyond(margin),
                num_test=values[first].shape[1],
                over_trainings=True,
            )
        )
    return contrasts
