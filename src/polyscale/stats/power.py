"""How many test images would settle a comparison, projected from what was observed.

The observed shares are taken for the true ones. They come from few test images, or there would be
nothing to project, so the answers are orders of magnitude.
"""

from collections.abc import Callable
from functools import cache
from math import sqrt

import numpy as np
from scipy.stats import binom, norm

from polyscale.errors import InputError
from polyscale.stats.equivalence import ALPHA, check_margin, restricted_variance

POWER = 0.8
MAX_IMAGES = 10_000_000
"""More test images than anyone collects: the answer is None."""


def mcnemar_power(
    num_test: int, first_share: float, second_share: float, *, alpha: float = ALPHA
) -> float:
    """Probability that McNemar's exact test, two-sided, finds a difference.

    It is exact: a sum over the number of discordant images and how they are divided.

    Args:
        num_test: number of test images.
        first_share: true share of images that only the first candidate gets right.
        second_share: true share of images that only the second gets right.
        alpha: p-values below it are significant.

    Raises:
        InputError: if the shares are negative or sum to more than 1.
    """
    _check_shares(first_share, second_share)
    discordant_share = first_share + second_share
    if discordant_share == 0:
        return 0.0
    low, high = binom.ppf([1e-10, 1 - 1e-10], num_test, discordant_share)
    discordant = np.arange(int(low), int(high) + 1)
    # the most images on the losing side of a significant result; -1 if no result is significant
    most = binom.ppf(alpha / 2, discordant, 0.5)
    most = np.where(binom.cdf(most, discordant, 0.5) <= alpha / 2, most, most - 1)
    toss = first_share / discordant_share
    power = binom.cdf(most, discordant, toss) + binom.sf(discordant - most - 1, discordant, toss)
    return float(np.sum(binom.pmf(discordant, num_test, discordant_share) * power))


def equivalence_power(
    num_test: int, first_share: float, second_share: float, margin: float, *, alpha: float = ALPHA
) -> float:
    """Probability that the two one-sided score tests find equivalence, by normal theory.

    Arguments and errors are those of `mcnemar_power`; `margin` is the largest difference that
    counts as none, and must be between 0 and 1.
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


@cache  # a candidate is compared with the same larger model at every kind of cost
def images_to_differ(
    first_share: float,
    second_share: float,
    *,
    alpha: float = ALPHA,
    power: float = POWER,
    max_images: int = MAX_IMAGES,
) -> int | None:
    """Total number of test images with which McNemar's exact test would find the difference.

    Returns:
        None if the shares are equal, or more than about `max_images` are needed.
    """
    if first_share == second_share:
        return None
    return _fewest(
        lambda n: mcnemar_power(n, first_share, second_share, alpha=alpha), power, max_images
    )


@cache
def images_to_equate(
    first_share: float,
    second_share: float,
    margin: float,
    *,
    alpha: float = ALPHA,
    power: float = POWER,
) -> int | None:
    """Total number of test images with which the two would be found equal within the margin.

    Returns:
        None if the difference is not within the margin, or more than `MAX_IMAGES` are needed.
    """
    if abs(first_share - second_share) >= margin:
        return None
    return _fewest(
        lambda n: equivalence_power(n, first_share, second_share, margin, alpha=alpha),
        power,
        MAX_IMAGES,
    )


def _fewest(power_of: Callable[[int], float], power: float, max_images: int) -> int | None:
    """The smallest number of images that has the power, by doubling and halving."""
    high = 8
    while power_of(high) < power:
        if high >= max_images:
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
