"""Cost against quality: dominance, fronts, values between two points."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log
from typing import Literal

import numpy as np

from polyscale.errors import InputError
from polyscale.records import CostAxis, Result


@dataclass(frozen=True)
class Point:
    """A candidate at its cost, which is above 0. A higher value is better: errors are negated."""

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


def selection_point(result: Result, axis: CostAxis) -> Point:
    """A candidate at one of its costs, with its metric in cross-validation as the value."""
    return Point(result.candidate, getattr(result, axis), result.sign * result.selection_value)


def dominates(a: Point, b: Point) -> bool:
    """Whether `a` costs no more than `b`, is at least as good, and is strictly ahead in one."""
    no_worse = a.cost <= b.cost and a.value >= b.value
    return no_worse and (a.cost < b.cost or a.value > b.value)


def dominance_calls(s2: Iterable[Point], larger: Iterable[Point]) -> list[DominanceCall]:
    """Every point of S² against every larger model, without tests or intervals.

    For figures without answers to single images, such as those of a paper.
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


def interpolate_at_cost(curve: Sequence[Point], cost: float) -> float | None:
    """Value of a curve at a cost, linear in log cost between points; None outside the curve.

    Log cost, because gains come with factors of cost. A curve that is linear in cost would promise
    less between two points; choosing one of two models at random for each image achieves that.

    >>> interpolate_at_cost([Point("a", 10, 0.5), Point("b", 1000, 0.7)], 100)
    0.6

    Raises:
        InputError: if two points have the same cost, where a curve cannot have two values.
    """
    ordered = sorted(curve, key=lambda p: p.cost)
    for a, b in pairwise(ordered):
        if a.cost == b.cost:
            raise InputError(
                f"curve must have one value at each cost, but {a.name} and {b.name} both cost "
                f"{a.cost:g}. Take its pareto_front first."
            )
    if not ordered or not ordered[0].cost <= cost <= ordered[-1].cost:
        return None
    log_costs = [log(p.cost / ordered[0].cost) for p in ordered]
    return float(np.interp(log(cost / ordered[0].cost), log_costs, [p.value for p in ordered]))
