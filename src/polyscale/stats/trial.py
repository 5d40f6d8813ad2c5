"""One comparison that a verdict may rest on, as a contrast of S² less the larger model."""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from typing import Literal

import numpy as np
from scipy.stats import norm

from polyscale.records import Contrast
from polyscale.stats.equivalence import ALPHA
from polyscale.stats.intervals import LEVEL
from polyscale.stats.power import MAX_IMAGES, POWER, images_to_differ, images_to_equate

Answer = Literal["first", "second", "equivalent", "inconclusive"]
"""Which of a pair is better, if the images can tell."""

WIDTH_IN_ERRORS = 2 * float(norm.isf((1 - LEVEL) / 2))
"""Width of a 95 % interval in standard errors, by normal theory."""


def more_is_better(contrast: Contrast) -> Contrast:
    """The contrast, with its signs turned if it is of an error."""
    if contrast.higher_is_better:
        return contrast
    turned = contrast.turned()
    return replace(turned, first=turned.second, second=turned.first, higher_is_better=True)


def mixed_contrast(cheaper: Contrast, dearer: Contrast, weight: float) -> Contrast:
    """The small model's curve between two candidates, less a larger model; more is better.

    The two contrasts share the larger model and the images, so their errors are correlated. The
    ends of the two intervals are added as if this correlation were complete, which gives the
    widest interval of the mix if differences are nearly normal. P-values are those of normal
    theory, with the standard error that follows from this interval.

    Args:
        cheaper: the candidate that costs less than the budget, less the larger model.
        dearer: the candidate that costs more, less the larger model.
        weight: share of the dearer one, 0 to 1.
    """
    a, b = more_is_better(cheaper), more_is_better(dearer)

    def mix(field: str) -> float:
        return (1 - weight) * getattr(a, field) + weight * getattr(b, field)

    mixed = replace(
        a,
        difference=mix("difference"),
        ci_low=mix("ci_low"),
        ci_high=mix("ci_high"),
        ci90_low=mix("ci90_low"),
        ci90_high=mix("ci90_high"),
        only_first=None,
        only_second=None,
    )
    error = max(standard_error(mixed), 1e-12)
    beyond_margin = max(
        norm.sf((mixed.difference + a.margin) / error),
        norm.cdf((mixed.difference - a.margin) / error),
    )
    # never below both p-values: their exact tests know how few images are discordant
    p_equivalence = max(beyond_margin, min(a.p_equivalence, b.p_equivalence))
    return replace(
        mixed,
        p_value=float(2 * norm.sf(abs(mixed.difference) / error)),
        p_equivalence=float(p_equivalence),
    )


def standard_error(contrast: Contrast) -> float:
    """Of the difference, from its 95 % interval, by normal theory."""
    return (contrast.ci_high - contrast.ci_low) / WIDTH_IN_ERRORS


def with_corrected(
    contrast: Contrast, p_holm: float | None, p_equivalence_holm: float | None
) -> Contrast:
    """The contrast with its p-values after correction."""
    return replace(contrast, p_holm=p_holm, p_equivalence_holm=p_equivalence_holm)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction (1979): the chance of any false alarm among all tests is at most 5 %.

    It is uniformly more powerful than Bonferroni's, and valid however the tests depend on each
    other.
    """
    # not by statsmodels, whose correction collects garbage each time, which takes most of a second
    order = np.argsort(p_values)
    steps = np.asarray(p_values, float)[order] * np.arange(len(order), 0, -1)
    corrected = np.empty(len(order))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected.tolist()


def decide(contrast: Contrast, p_holm: float, p_equivalence_holm: float) -> Answer:
    """The answer on which the corrected tests and the intervals of a contrast agree.

    Equivalence comes first: the margin says which differences matter, so a smaller difference does
    not matter even if it is certain.
    """
    within_margin = -contrast.margin < contrast.ci90_low and contrast.ci90_high < contrast.margin
    if p_equivalence_holm < ALPHA and within_margin:
        return "equivalent"
    if p_holm < ALPHA and contrast.ci_low > 0:
        return "first"
    if p_holm < ALPHA and contrast.ci_high < 0:
        return "second"
    return "inconclusive"


def images_needed(contrast: Contrast, *, num_trials: int) -> int | None:
    """Projected number of test images, in all, that would settle the comparison either way.

    Args:
        contrast: more is better; its figures are taken for the true ones.
        num_trials: comparisons in the family. Each p-value must be below 5 % over this number,
            which is Holm's strictest step.

    Returns:
        None where no number of images would, or where trainings may differ too much for that.
    """
    if contrast.over_trainings:
        return None
    projected = _projected(contrast, ALPHA / num_trials)
    return min((n for n in projected if n is not None), default=None)


def _projected(contrast: Contrast, alpha: float) -> Sequence[int | None]:
    """To find a difference, and to find equivalence."""
    num_test = contrast.num_test
    if contrast.only_first is not None and contrast.only_second is not None:
        shares = contrast.only_first / num_test, contrast.only_second / num_test
        to_equate = images_to_equate(*shares, contrast.margin, alpha=alpha)
        # the exact power takes long for many images: there is no need to look beyond the other
        limit = to_equate or MAX_IMAGES
        return images_to_differ(*shares, alpha=alpha, max_images=limit), to_equate
    # normal theory: the standard error shrinks with the square root of the number of images
    error, difference = standard_error(contrast), abs(contrast.difference)
    if error == 0:  # every resample gives the same: it says nothing about more images
        return ()
    gaps = (
        (difference, float(norm.isf(alpha / 2) + norm.ppf(POWER))),
        (contrast.margin - difference, float(norm.isf(alpha) + norm.ppf((1 + POWER) / 2))),
    )
    numbers = [num_test * (errors * error / gap) ** 2 for gap, errors in gaps if gap > 1e-12]
    return [ceil(number) for number in numbers if number <= MAX_IMAGES]
