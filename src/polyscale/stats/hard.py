"""Images on which one model gains: found with half of the training images, measured with the rest.

The images with the largest gains have them in part by chance: by the training images that the heads
happened to see. Measured with the same heads, even noise would show large gains on them. So each
half of the training images finds images, and the heads of the other half say what the gain is.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from scipy.stats import beta, norm

from polyscale.records import Estimate
from polyscale.stats.intervals import LEVEL
from polyscale.stats.repeats import training_interval

FOUND_SHARE = 0.1
"""Of the test images, those that one search finds."""

Gains = Float[np.ndarray, "num_halvings 2 num_test"]
"""What is gained on each test image, by the heads of each half of every halving."""


@dataclass(frozen=True, eq=False)
class CrossFit:
    """What all searches find. There are two in each halving, one by either half.

    Attributes:
        num_found: images that one search finds, at most.
        times_found: searches that find each image.
        measured: gain on each image, summed over the searches that find it; by the other half.
        gain: mean measured gain of what is found. Its 95 % interval covers the choice of test
            images and of training images.
    """

    num_found: int
    times_found: Int[np.ndarray, " num_test"]
    measured: Float[np.ndarray, " num_test"]
    gain: Estimate


def cross_fit(gains: Gains) -> CrossFit:
    """Find images with one half, measure the gain on them with the other half.

    A search finds the images with the largest gains, a tenth of all, as far as there is a gain on
    them.

    Args:
        gains: at least one halving and one image; the two halves of a halving share no training
            image.
    """
    num_test = gains.shape[-1]
    num_found = max(1, round(FOUND_SHARE * num_test))
    searches = gains.reshape(-1, num_test)
    other_half = gains[:, ::-1].reshape(-1, num_test)
    found = np.stack([_largest(own, num_found) for own in searches])
    measured = np.where(found, other_half, 0.0)
    return CrossFit(num_found, found.sum(axis=0), measured.sum(axis=0), _mean(found, measured))


def share_of_gain(
    gains: Float[np.ndarray, " num"], is_kind: Bool[np.ndarray, " num"]
) -> tuple[float, float, float] | None:
    """The share of a gain that lies on images of a kind, and its 95 % interval over images.

    Images on which nothing is gained do not count. The interval is the exact one of a share, with
    the effective number of images in place of their number (Korn and Graubard 1998).

    Returns:
        None if nothing is gained at all.
    """
    weights = np.maximum(gains, 0.0)
    total = float(weights.sum())
    if total == 0:
        return None
    share = float(weights[is_kind].sum()) / total
    num = total**2 / float((weights**2).sum())
    tail = (1 - LEVEL) / 2
    low = 0.0 if share <= 0 else float(beta.ppf(tail, share * num, (1 - share) * num + 1))
    high = 1.0 if share >= 1 else float(beta.ppf(1 - tail, share * num + 1, (1 - share) * num))
    return share, low, high


def _largest(gains: NDArray[np.floating], num: int) -> NDArray[np.bool_]:
    """Which images have the largest gains, and a gain at all."""
    found = np.zeros(len(gains), bool)
    found[np.argsort(-gains, kind="stable")[:num]] = True
    return found & (gains > 0)


def _mean(found: NDArray[np.bool_], measured: NDArray[np.float64]) -> Estimate:
    """The mean of what is measured, over all images of all searches (num_searches, num_test).

    Over test images it is a ratio of two totals, whose standard error is linearised (Cochran 1977,
    2.11). The variance over searches, each of which is measured with another half of the training
    images, is added.
    """
    times, sums = found.sum(axis=0), measured.sum(axis=0)
    if not times.any():
        return Estimate(0.0, 0.0, 0.0)
    mean, num_test = float(sums.sum() / times.sum()), len(times)
    residuals = sums - mean * times
    error = sqrt(num_test / max(1, num_test - 1) * float(residuals @ residuals)) / times.sum()
    reach = norm.ppf((1 + LEVEL) / 2) * error
    of_searches = measured.sum(axis=1) / np.maximum(1, found.sum(axis=1))
    return Estimate(*training_interval(mean, mean - reach, mean + reach, of_searches.tolist()))
