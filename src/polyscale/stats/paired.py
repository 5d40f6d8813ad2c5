"""Accuracies of candidates on the same test images: paired bootstrap, exact test, equivalence.

Every resample draws images once and scores all candidates on them, so images that are hard for
all candidates cancel in the differences.
"""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from polyscale.records import Contrast
from polyscale.stats.equivalence import MARGIN, check_margin, equivalence_p
from polyscale.stats.intervals import difference_intervals, resampled_means


def paired_contrasts(
    correct: Mapping[str, NDArray[np.bool_]],
    *,
    metric: str = "accuracy",
    margin: float = MARGIN,
    seed: int = 0,
) -> list[Contrast]:
    """The difference of each pair of candidates in accuracy, with its intervals and tests.

    P-values are not corrected: only `judge` knows from which contrasts a verdict is drawn.

    Args:
        correct: for each candidate, whether it was right on each test image (num_test,).
        metric: key of the metric that is the share of right images.
        margin: largest difference of shares that counts as none.
        seed: random seed of the resampling.

    Raises:
        InputError: if the margin is not between 0 and 1.
    """
    check_margin(margin)
    if not correct:
        return []
    resampled = resampled_means(np.stack(list(correct.values()), axis=1), seed)
    columns = dict(zip(correct, resampled.T, strict=True))
    contrasts = []
    for first, second in combinations(correct, 2):
        only_first = int((correct[first] & ~correct[second]).sum())
        only_second = int((~correct[first] & correct[second]).sum())
        num_test = len(correct[first])
        contrasts.append(
            Contrast(
                first=first,
                second=second,
                metric=metric,
                higher_is_better=True,
                difference=(only_first - only_second) / num_test,
                **difference_intervals(columns[first] - columns[second]),
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
