"""Choices on the training images: the cheapest candidate that they cannot tell from the best.

The candidate with the best cross-validated value is often ahead of a cheaper one by chance. So the
cheapest is taken of those that are behind it by at most one standard error of the difference (the
one-standard-error rule of Breiman, Friedman, Olshen and Stone 1984, section 3.4.3). The error is of
the paired difference, in which the difficulty of the images cancels.
"""

from collections.abc import Iterable, Mapping, Sequence

from polyscale.records import (
    Contrast,
    CostAxis,
    Result,
    SelectionGap,
    SweetSpot,
    known_axes,
)
from polyscale.stats.trial import standard_error

Errors = Mapping[frozenset[str], float]
"""Two candidates → standard error of their difference, in the unit of the metric."""


def selection_gaps(contrasts: Iterable[Contrast]) -> list[SelectionGap]:
    """What a choice needs of contrasts on the training images, in cross-validation."""
    return [
        SelectionGap(
            first=contrast.first,
            second=contrast.second,
            difference=contrast.difference,
            standard_error=standard_error(contrast),
            num_images=contrast.num_test,
        )
        for contrast in contrasts
    ]


def paired_errors(gaps: Iterable[SelectionGap], contrasts: Iterable[Contrast] = ()) -> Errors:
    """The standard error of each difference.

    Args:
        gaps: pairs of candidates on the training images.
        contrasts: pairs on the test images, for pairs that `gaps` lacks, as in older runs.
    """
    of_test = {frozenset((c.first, c.second)): standard_error(c) for c in contrasts}
    return of_test | {frozenset((gap.first, gap.second)): gap.standard_error for gap in gaps}


def cheapest_of_the_best(results: Sequence[Result], axis: CostAxis, errors: Errors) -> Result:
    """By the one-standard-error rule; of equal cost, the one with fewer multiply-adds.

    A pair without an error counts as certain.
    """
    best = max(results, key=_value)
    level = [
        result
        for result in results
        if _value(best) - _value(result)
        <= errors.get(frozenset((best.candidate, result.candidate)), 0.0)
    ]
    return min(level, key=lambda r: (getattr(r, axis), r.macs, -_value(r)))


def sweet_spots(results: Sequence[Result], axis: CostAxis, errors: Errors) -> list[SweetSpot]:
    """Which candidate to take at each budget: both sizes and scales (the paper's section 3.3).

    The last range has the candidate to take at any cost. A smaller budget has the one to take of
    those that cost less than it, and so on. So a larger budget is only spent on a candidate that
    the training images tell from all cheaper ones. No candidate fits a budget below the first.

    Args:
        results: rows of one task, with several scale sets of as many sizes as were run.
        axis: the kind of cost.
        errors: of the differences on training images.
    """
    spots: list[SweetSpot] = []
    fitting, end = list(results), None
    while fitting:
        chosen = cheapest_of_the_best(fitting, axis, errors)
        cost = getattr(chosen, axis)
        spots.append(SweetSpot(budget_low=cost, budget_high=end, candidate=chosen.candidate))
        fitting, end = [r for r in fitting if getattr(r, axis) < cost], cost
    return spots[::-1]


def sweet_spots_by_axis(
    results: Sequence[Result], errors: Errors
) -> dict[CostAxis, list[SweetSpot]]:
    """`sweet_spots` for every kind of cost that is known of all candidates."""
    return {axis: sweet_spots(results, axis, errors) for axis in known_axes(results)}


def _value(result: Result) -> float:
    return result.sign * result.selection_value
