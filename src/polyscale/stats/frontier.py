"""Cost against quality: who dominates, who is on the front, what a curve holds between points."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log
from typing import Literal

from polyscale.errors import InputError
from polyscale.records import CostAxis, Result


@dataclass(frozen=True)
class Point:
    """A candidate at its cost.

    Attributes:
        name: of the candidate.
        cost: in any one unit, above 0.
        value: more is better; of an error, its negative.
    """

    name: str
    cost: float
    value: float

    def __post_init__(self) -> None:
        if not self.cost > 0:
            raise InputError(f"cost of {self.name} must be above 0, but got {self.cost:g}.")


@dataclass(frozen=True)
class DominanceCall:
    """A point of S² against a larger model; `winner` is None where neither dominates."""

    s2: Point
    larger: Point
    winner: Literal["s2", "larger"] | None


def point(
    result: Result, axis: CostAxis, by: Literal["value", "selection_value"] = "value"
) -> Point:
    """A result at one of its costs.

    Args:
        result: a row.
        axis: the kind of cost.
        by: the metric on the test images, or the one in cross-validation on the training images.
    """
    quality = result.sign * getattr(result, by)
    return Point(result.candidate, getattr(result, axis), quality)


def dominates(a: Point, b: Point) -> bool:
    """Whether `a` costs no more than `b`, is at least as good, and is strictly ahead in one."""
    no_worse = a.cost <= b.cost and a.value >= b.value
    return no_worse and (a.cost < b.cost or a.value > b.value)


def dominance_calls(s2: Iterable[Point], larger: Iterable[Point]) -> list[DominanceCall]:
    """Every point of S² against every larger model, by figures alone.

    For figures without answers to single images, such as a paper's: no test, no interval.
    """
    larger = list(larger)
    return [DominanceCall(a, b, _winner(a, b)) for a in s2 for b in larger]


def _winner(s2: Point, larger: Point) -> Literal["s2", "larger"] | None:
    if dominates(s2, larger):
        return "s2"
    return "larger" if dominates(larger, s2) else None


def pareto_front(points: Iterable[Point]) -> list[Point]:
    """The points that no other dominates, by rising cost and value; of equal ones the first."""
    front: list[Point] = []
    for candidate in sorted(points, key=lambda p: (p.cost, -p.value)):
        if not front or candidate.value > front[-1].value:
            front.append(candidate)
    return front


def bracket(curve: Sequence[Point], cost: float) -> tuple[Point, Point, float] | None:
    """The neighbours of a cost on a curve, and the share of the dearer one, linear in log cost.

    Args:
        curve: points of different costs, in any order.
        cost: where to cut it.

    Returns:
        The cheaper, the dearer and the weight, 0 to 1; None outside the curve.

    Raises:
        InputError: if two points have one cost: a curve can't have two values there.
    """
    ordered = sorted(curve, key=lambda p: p.cost)
    for a, b in pairwise(ordered):
        if a.cost == b.cost:
            raise InputError(
                f"curve must have one value at each cost, but {a.name} and {b.name} both cost "
                f"{a.cost:g}. Take its pareto_front first."
            )
    for a, b in pairwise(ordered):
        if a.cost <= cost <= b.cost:
            return a, b, log(cost / a.cost) / log(b.cost / a.cost)
    return None


def interpolate_at_cost(curve: Sequence[Point], cost: float) -> float | None:
    """Value of a curve at a cost, linear in log cost between points; None outside of them.

    Log cost, because gains come with factors of cost: a straight line in cost would promise less
    between two points, and a mix of the two, image by image, gives that straight line.

    >>> interpolate_at_cost([Point("a", 10, 0.5), Point("b", 1000, 0.7)], 100)
    0.6

    Raises:
        InputError: as `bracket`.
    """
    if len(curve) == 1 and curve[0].cost == cost:
        return curve[0].value
    found = bracket(curve, cost)
    if found is None:
        return None
    a, b, weight = found
    return (1 - weight) * a.value + weight * b.value
