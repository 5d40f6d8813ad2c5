"""Paired bootstrap over test images, McNemar's exact test and a test of equivalence.

All candidates answer the same images, so every resample draws images once and scores all
candidates on them. What images are hard for all then cancels in the differences.
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from polyscale.records import Contrast
from polyscale.stats.equivalence import ALPHA, MARGIN, check_margin, equivalence_p
from polyscale.stats.intervals import percentile_interval, resampled_means


def paired_contrasts(
    correct: Mapping[str, NDArray[np.bool_]],
    *,
    metric: str = "accuracy",
    margin: float = MARGIN,
    seed: int = 0,
) -> list[Contrast]:
    """Each pair of candidates: difference in accuracy, its intervals and its tests.

    No p-value is corrected yet: which contrasts a verdict is drawn from, `judge` knows.

    Args:
        correct: for each candidate, whether it was right on each test image (num_test,).
        metric: what the share of right images is called, as a key.
        margin: of that share; a smaller difference counts as none.
        seed: of the resampling.

    Raises:
        InputError: if the margin is not between 0 and 1.
    """
    check_margin(margin)
    if not correct:
        return []
    scores = resampled_means(np.stack(list(correct.values()), axis=1), seed)
    index = {name: i for i, name in enumerate(correct)}
    found = [
        _contrast(a, b, correct[a], correct[b], scores[:, index[a]] - scores[:, index[b]], margin)
        for a, b in combinations(correct, 2)
    ]
    return [replace(contrast, metric=metric) for contrast in found]


def mcnemar_p(only_first: int, only_second: int) -> float:
    """McNemar's exact test, two-sided: a fair coin for each image on which the two differ."""
    discordant = only_first + only_second
    return float(binomtest(only_first, discordant).pvalue) if discordant else 1.0


def _contrast(
    first: str,
    second: str,
    first_correct: NDArray[np.bool_],
    second_correct: NDArray[np.bool_],
    differences: NDArray[np.float64],
    margin: float,
) -> Contrast:
    only_first = int((first_correct & ~second_correct).sum())
    only_second = int((~first_correct & second_correct).sum())
    low, high = percentile_interval(differences)
    low90, high90 = percentile_interval(differences, 1 - 2 * ALPHA)
    return Contrast(
        first=first,
        second=second,
        metric="accuracy",
        difference=(only_first - only_second) / len(first_correct),
        ci_low=low,
        ci_high=high,
        ci90_low=low90,
        ci90_high=high90,
        only_first=only_first,
        only_second=only_second,
        p_value=mcnemar_p(only_first, only_second),
        margin=margin,
        p_equivalence=equivalence_p(only_first, only_second, len(first_correct), margin),
        num_test=len(first_correct),
    )
