"""Who meets whom at equal cost, from costs and cross-validation alone: the test images only judge.

The cost of the larger model is the budget. What the small model at several scales does with it
is the best of its scale sets that fit; between two scale sets, its curve, linear in log cost.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from polyscale.records import COST_AXES, CostAxis, Result
from polyscale.stats.frontier import bracket, pareto_front, point


@dataclass(frozen=True, kw_only=True)
class Bracket:
    """Two neighbours on the small model's curve; `weight` is the share of the dearer."""

    cheaper: Result
    dearer: Result
    weight: float


@dataclass(frozen=True, kw_only=True)
class Match:
    """A larger model and what stands against it on one kind of cost.

    Attributes:
        axis: the kind of cost.
        larger: at one scale; its cost is the budget.
        within: the best at several scales that costs no more, if any does.
        beyond: the best at several scales that costs more, if any does.
        bracket: where the budget cuts the small model's curve, scale 1 included; None outside.
    """

    axis: CostAxis
    larger: Result
    within: Result | None
    beyond: Result | None
    bracket: Bracket | None


@dataclass(frozen=True, kw_only=True)
class Sides:
    """A family's small model and its larger ones.

    Attributes:
        curve: the small model at all its scale sets, scale 1 included.
        s2: those with several scales.
        larger: the larger models at one scale.
    """

    curve: tuple[Result, ...]
    s2: tuple[Result, ...]
    larger: tuple[Result, ...]


def sides_of(family: Sequence[Result]) -> Sides | None:
    """The smallest backbone that was run at several scales, and the larger ones at one.

    Returns:
        None where there is no such pair.
    """
    multi = [r for r in family if len(r.scales) > 1]
    if not multi:
        return None
    small = min(multi, key=lambda r: r.backbone_params)
    same = [r for r in family if _weights(r) == _weights(small)]
    larger = tuple(
        r
        for r in family
        if r not in same and r.scales == (1,) and r.backbone_params > small.backbone_params
    )
    if not larger:
        return None
    return Sides(curve=tuple(same), s2=tuple(r for r in multi if r in same), larger=larger)


def best(results: Iterable[Result]) -> Result | None:
    """The best in cross-validation on the training images."""
    return max(results, key=_quality, default=None)


def matches(sides: Sides) -> list[Match]:
    """Every larger model on every kind of cost."""
    return [_match(sides, larger, axis) for larger in sides.larger for axis in COST_AXES]


def _weights(result: Result) -> str:
    """The backbone, whatever the size of its tiles.

    The small model at one scale may be run on larger tiles than at several, with more parameters
    for their positions, and is no larger model.
    """
    return result.backbone.partition("?tile=")[0]


def _quality(result: Result) -> float:
    return point(result, "params", "selection_value").value


def _match(sides: Sides, larger: Result, axis: CostAxis) -> Match:
    budget = getattr(larger, axis)
    return Match(
        axis=axis,
        larger=larger,
        within=best(r for r in sides.s2 if getattr(r, axis) <= budget),
        beyond=best(r for r in sides.s2 if getattr(r, axis) > budget),
        bracket=_bracket(sides.curve, axis, budget),
    )


def _bracket(curve: Iterable[Result], axis: CostAxis, budget: float) -> Bracket | None:
    by_name = {r.candidate: r for r in curve}
    front = pareto_front(point(r, axis, "selection_value") for r in by_name.values())
    found = bracket(front, budget)
    # at an end the curve is a candidate, which stands for itself
    if found is None or found[2] in (0, 1):
        return None
    return Bracket(cheaper=by_name[found[0].name], dearer=by_name[found[1].name], weight=found[2])
