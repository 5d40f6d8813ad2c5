"""Candidates that were trained several times: intervals and contrasts over other trainings too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import sqrt

import numpy as np
from jaxtyping import Float
from scipy.stats import t

from polyscale.records import Contrast, Metric
from polyscale.stats.equivalence import ALPHA, check_unit_margin
from polyscale.stats.intervals import LEVEL
from polyscale.stats.seeds import BothSpread, over_both, over_seeds

Values = Float[np.ndarray, "num_seeds num_test"]
"""For each training and test image, the metric; right (1) or wrong (0) if images are either."""


@dataclass(frozen=True, kw_only=True)
class ShareDifference(BothSpread):
    """The difference of two shares of right answers, paired by image and training.

    Where all images end alike, their variance is zero, but few images prove nothing. So tests use
    the variance that the images would have if the difference were the one that is tested, as
    McNemar's test and the score test of equivalence do for one training. The interval is that of
    Agresti and Min (2005), who add half an image to each of the four ways in which two candidates
    can answer.

    Attributes:
        middle: centre of the interval.
        reach_error: standard error for the interval.
        square: mean of the squared differences of images.
        num_test: number of test images.
        of_seeds: variance of the mean over seeds.
    """

    middle: float
    reach_error: float
    square: float
    num_test: int
    of_seeds: float

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Where the true difference lies, at a level of confidence, -1 to 1."""
        reach = float(t.ppf((1 + level) / 2, self.freedom)) * self.reach_error
        return max(self.middle - reach, -1.0), min(self.middle + reach, 1.0)

    def error_at(self, difference: float) -> float:
        """Standard error if the true difference were this one."""
        of_images = (max(self.square, abs(difference)) - difference**2) / self.num_test
        return max(self.error, sqrt(of_images + self.of_seeds))


def value_over_both(values: Values, *, seed: int = 0) -> BothSpread:
    """`over_both` of a candidate's values.

    Four images are added to images that are right or wrong, two of each, as in Agresti and Coull's
    interval (1998). Without them, an interval from few images that are all right would have no
    width.
    """
    added = [0.0, 0.0, 1.0, 1.0] if _is_binary(values) else []
    return _with_images(values, added, seed)


def difference_over_both(first: Values, second: Values, *, seed: int = 0) -> BothSpread:
    """`over_both` of the difference of two candidates, paired by image and seed.

    It is a `ShareDifference` if all answers are right or wrong.
    """
    values = first - second
    spread = over_seeds(values, seed=seed)
    both = over_both(spread)
    if not (_is_binary(first) and _is_binary(second)):
        return both
    # half an image each of differences 1, -1, 0 and 0 has the mean and variance of these two
    interval = _with_images(values, [sqrt(0.5), -sqrt(0.5)], seed)
    return ShareDifference(
        mean=both.mean,
        error=both.error,
        freedom=both.freedom,
        middle=interval.mean,
        reach_error=interval.error,
        square=float(np.square(values.mean(axis=0)).mean()),
        num_test=values.shape[1],
        of_seeds=spread.seed_std**2 / len(values),
    )


def _is_binary(values: Values) -> bool:
    return bool(np.isin(values, (0, 1)).all())


def _with_images(values: Values, added: Sequence[float], seed: int) -> BothSpread:
    """`over_both` with imaginary images, which are alike for all trainings."""
    columns = np.tile(np.array(added, np.float64), (len(values), 1))
    spread = over_seeds(np.hstack([values, columns]), seed=seed)
    return over_both(replace(spread, num_test=values.shape[1]))


def training_intervals(
    values: Mapping[str, Values], *, seed: int = 0
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
    values: Mapping[str, Values],
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
                difference=both.mean,
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
