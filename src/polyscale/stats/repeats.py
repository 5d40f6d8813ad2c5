"""Intervals of differences that were measured again on other draws of the images."""

from collections.abc import Sequence
from math import sqrt

import numpy as np
from scipy.stats import norm, t

from polyscale.stats.intervals import LEVEL

Estimate = tuple[float, float, float]
"""A difference, and the lower and the upper end of its 95 % interval."""


def split_interval(differences: Sequence[float], *, num_train: int, num_test: int) -> Estimate:
    """The mean difference over random splits, with the corrected resampled t interval.

    Splits share images, so that their differences vary less than those of new data sets would. The
    variance is therefore enlarged by num_test / num_train (Nadeau and Bengio 2003). The interval
    covers the choice of training images and of test images.

    Args:
        differences: one for each split, at least two.
        num_train: training images of a split.
        num_test: test images of a split.
    """
    variance = (1 / len(differences) + num_test / num_train) * np.var(differences, ddof=1)
    return _interval(float(np.mean(differences)), float(variance), len(differences))


def training_interval(
    difference: float, ci_low: float, ci_high: float, differences: Sequence[float]
) -> Estimate:
    """A difference, with an interval that also covers the choice of training images.

    The variance over half-samples of the training images estimates that over new training sets
    (McCarthy 1969). It is added to the variance over test images.

    Args:
        difference: with all training images.
        ci_low: lower end of its 95 % interval over test images.
        ci_high: upper end of this interval.
        differences: with each half-sample, on the same test images, at least two.
    """
    over_test_images = ((ci_high - ci_low) / (2 * norm.ppf((1 + LEVEL) / 2))) ** 2
    variance = float(over_test_images + np.var(differences, ddof=1))
    return _interval(difference, variance, len(differences))


def _interval(difference: float, variance: float, num: int) -> Estimate:
    reach = float(t.ppf((1 + LEVEL) / 2, num - 1)) * sqrt(variance)
    return difference, difference - reach, difference + reach
