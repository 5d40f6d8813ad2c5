"""Accuracies of candidates on the same images: score intervals, exact test, equivalence.

Only images that one of two candidates gets right and the other does not count in a difference, so
images that are hard for both cancel. Everything about a pair follows from how many these are.
"""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from polyscale.records import Contrast
from polyscale.stats.equivalence import (
    ALPHA,
    MARGIN,
    check_margin,
    equivalence_p,
    score_interval,
)
from polyscale.stats.intervals import LEVEL


def paired_contrasts(
    correct: Mapping[str, NDArray[np.bool_]],
    *,
    metric: str = "accuracy",
    margin: float = MARGIN,
) -> list[Contrast]:
    """The difference of each pair of candidates in accuracy, with its intervals and tests.

    P-values are not corrected: only `judge` knows from which contrasts a verdict is drawn.

    Args:
        correct: for each candidate, whether it was right on each image (num_test,).
        metric: key of the metric that is the share of right images.
        margin: largest difference of shares that counts as none.

    Raises:
        InputError: if the margin is not between 0 and 1.
    """
    check_margin(margin)
    contrasts = []
    for first, second in combinations(correct, 2):
        only_first = int((correct[first] & ~correct[second]).sum())
        only_second = int((~correct[first] & correct[second]).sum())
        num_test = len(correct[first])
        low, high = score_interval(only_first, only_second, num_test, LEVEL)
        low90, high90 = score_interval(only_first, only_second, num_test, 1 - 2 * ALPHA)
        contrasts.append(
            Contrast(
                first=first,
                second=second,
                metric=metric,
                higher_is_better=True,
                difference=(only_first - only_second) / num_test,
                ci_low=low,
                ci_high=high,
                ci90_low=low90,
                ci90_high=high90,
                only_first=only_first,
                only_second=only_second,
                p_value=mcnemar_p(only_first, only_second),
                margin=margin,
                p_equivalence=equivalence_p(only_first, only_second, num_test, margin),
                num_test=num_test,
            )
        )
    return contrasts


def mcnemar_p(only_first: int, only_second: int) -> float:
    """McNemar's exact test, two-sided: a fair coin for each image on which the two differ."""
    discordant = only_first + only_second
    return float(binomtest(only_first, discordant).pvalue) if discordant else 1.0
