"""What a threshold on a probability costs: images that are missed, against false alarms."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

THRESHOLDS = tuple(percent / 100 for percent in range(1, 100))
"""From which probability on an image is said to be of the class."""


@dataclass(frozen=True)
class ThresholdErrors:
    """Errors of two classes at each of `THRESHOLDS`.

    Attributes:
        num_positive: images of the class.
        num_negative: images of the other class.
        missed: how many of the first are below the threshold.
        false_alarms: how many of the others are not below it.
    """

    num_positive: int
    num_negative: int
    missed: Sequence[int]
    false_alarms: Sequence[int]


def threshold_errors(
    probabilities: NDArray[np.floating], positive: NDArray[np.bool_]
) -> ThresholdErrors:
    """Count the errors at each of `THRESHOLDS`.

    Args:
        probabilities: of the class, for each image (num,).
        positive: whether each image is of the class (num,).
    """
    ranked, others = np.sort(probabilities[positive]), np.sort(probabilities[~positive])
    missed = np.searchsorted(ranked, THRESHOLDS)
    false_alarms = len(others) - np.searchsorted(others, THRESHOLDS)
    return ThresholdErrors(len(ranked), len(others), missed.tolist(), false_alarms.tolist())
