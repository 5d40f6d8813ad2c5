"""On which size to put the scales, at each budget (the paper's section 3.3)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf

from polyscale.records import COST_AXES, CostAxis, Result
from polyscale.stats.frontier import pareto_front, point


@dataclass(frozen=True)
class BudgetRange:
    """The best candidate for every budget from `low` up to, but without, `high`.

    Attributes:
        low: its own cost.
        high: the cost of the next better one; infinite for the best of all.
        best: the candidate.
    """

    low: float
    high: float
    best: Result


def sweet_spots(results: Sequence[Result], axis: CostAxis) -> list[BudgetRange]:
    """For every budget on one kind of cost, the candidate to take: sizes and scales alike.

    Chosen by cross-validation on the training images, so that the test value of the chosen one
    is not flattered. Below the first range nothing fits the budget.

    Args:
        results: of one task, with scales on as many sizes as were run.
        axis: the kind of cost.
    """
    by_name = {result.candidate: result for result in results}
    front = pareto_front(point(result, axis, "selection_value") for result in results)
    ends = [later.cost for later in front[1:]] + [inf]
    return [
        BudgetRange(here.cost, end, by_name[here.name])
        for here, end in zip(front, ends, strict=True)
    ]


def sweet_spots_by_axis(
    results: Sequence[Result], axes: Iterable[CostAxis] = COST_AXES
) -> dict[CostAxis, list[BudgetRange]]:
    """`sweet_spots` for every kind of cost."""
    return {axis: sweet_spots(results, axis) for axis in axes}
