"""How many test images would settle it: a projection from what was observed.

Both functions of a sample size take the observed shares for the true ones. The test images that
gave them were few, or there would be nothing to project: the answer is an order of magnitude.
"""

from collections.abc import Callable
from functools import cache
from math import ceil, sqrt

import numpy as np
from scipy.stats import binom, norm

from polyscale.errors import InputError
from polyscale.stats.equivalence import ALPHA, check_margin, restricted_variance

POWER = 0.8
MAX_IMAGES = 10_000_000
"""Beyond it nobody collects test images: the answer is None."""


def mcnemar_power(
    num_test: int, first_share: float, second_share: float, *, alpha: float = ALPHA
) -> float:
    """Chance that McNemar's exact test, two-sided, finds a difference.

    Exact: a sum over how many images are discordant, and which way they fall.

    Args:
        num_test: test images.
        first_share: true share of images that only the first candidate gets right.
        second_share: that only the second gets right.
        alpha: a p-value below it is a find.

    Raises:
        InputError: if the shares are none.
    """
    _check_shares(first_share, second_share)
    discordant_share = first_share + second_share
    if discordant_share == 0:
        return 0.0
    low, high = binom.ppf([1e-10, 1 - 1e-10], num_test, discordant_share)
    discordant = np.arange(int(low), int(high) + 1)
    # the most images on the losing side that still make a find; -1 where there is none
    edge = binom.ppf(alpha / 2, discordant, 0.5)
    edge = np.where(binom.cdf(edge, discordant, 0.5) <= alpha / 2, edge, edge - 1)
    toss = first_share / discordant_share
    found = binom.cdf(edge, discordant, toss) + binom.sf(discordant - edge - 1, discordant, toss)
    return float(np.sum(binom.pmf(discordant, num_test, discordant_share) * found))


def equivalence_power(
    num_test: int, first_share: float, second_share: float, margin: float, *, alpha: float = ALPHA
) -> float:
    """Chance that the two one-sided score tests find the candidates equal, by normal theory.

    Args:
        num_test: test images.
        first_share: true share of images that only the first candidate gets right.
        second_share: that only the second gets right.
        margin: a difference below it counts as none.
        alpha: a p-value below it is a find.

    Raises:
        InputError: if the shares are none, or the margin is not between 0 and 1.
    """
    _check_shares(first_share, second_share)
    check_margin(margin)
    bound = norm.isf(alpha)
    low = -margin + bound * sqrt(restricted_variance(first_share, second_share, -margin) / num_test)
    high = margin - bound * sqrt(restricted_variance(first_share, second_share, margin) / num_test)
    difference = first_share - second_share
    spread = sqrt(max(first_share + second_share - difference**2, 1e-12) / num_test)
    inside = norm.cdf((high - difference) / spread) - norm.cdf((low - difference) / spread)
    return float(max(inside, 0.0))


@cache  # a candidate meets the same larger model on every kind of cost
def images_to_differ(
    first_share: float, second_share: float, *, alpha: float = ALPHA, power: float = POWER
) -> int | None:
    """Test images with which McNemar's exact test would find the difference.

    Returns:
        How many in all; None where the shares are equal, or more than `MAX_IMAGES` are needed.
    """
    if first_share == second_share:
        return None
    return _fewest(lambda n: mcnemar_power(n, first_share, second_share, alpha=alpha), power)


@cache
def images_to_equate(
    first_share: float,
    second_share: float,
    margin: float,
    *,
    alpha: float = ALPHA,
    power: float = POWER,
) -> int | None:
    """Test images with which the two would be found equal within the margin.

    Returns:
        How many in all; None where the difference is not within the margin, or more than
        `MAX_IMAGES` are needed.
    """
    if abs(first_share - second_share) >= margin:
        return None
    return _fewest(
        lambda n: equivalence_power(n, first_share, second_share, margin, alpha=alpha), power
    )


def trials_per_arm(
    first: float, second: float, *, alpha: float = ALPHA, power: float = POWER
) -> int:
    """Trials in each of two independent arms that tell two success rates apart.

    By normal theory (Fleiss, Levin and Paik 2003, equation 4.14), for example for a robot that
    starts anew each time. Trials from shared starts are paired: see `images_to_differ`.

    >>> trials_per_arm(7 / 16, 10 / 16)
    111

    Raises:
        InputError: if the rates are equal or not between 0 and 1.
    """
    if not (0 <= first <= 1 and 0 <= second <= 1) or first == second:
        raise InputError(
            f"rates must be two numbers from 0 to 1 that differ, but got {first:g} and {second:g}."
        )
    mean = (first + second) / 2
    under_none = norm.isf(alpha / 2) * sqrt(2 * mean * (1 - mean))
    under_some = norm.ppf(power) * sqrt(first * (1 - first) + second * (1 - second))
    return ceil(((under_none + under_some) / (first - second)) ** 2 - 1e-9)


def _fewest(power_of: Callable[[int], float], power: float) -> int | None:
    """The number of images at which the power is reached, by doubling and halving."""
    high = 8
    while power_of(high) < power:
        if high >= MAX_IMAGES:
            return None
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power_of(middle) >= power else (middle, high)
    return high


def _check_shares(first: float, second: float) -> None:
    if first < 0 or second < 0 or first + second > 1:
        raise InputError(
            "shares must be at least 0 and at most 1 together, "
            f"but got {first:g} and {second:g}. They are counts over the number of test images."
        )
