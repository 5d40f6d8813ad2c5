"""L-BFGS for a convex function whose values are known to single precision only.

SciPy's line search compares values of the function. Near the solution these differ by less than
float32 can tell, and the search gives up a digit or two early. The derivative along the search
direction keeps its sign far longer, so this search looks for its zero, and asks of the value only
that it does not rise beyond its own noise (the "approximate Wolfe" conditions of Hager and Zhang,
SIAM Journal on Optimization 16, 2005).
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MEMORY = 10
"""Pairs of steps and changes of the gradient that are kept."""

NOISE = 1e-6
"""By how much a value may rise, relative to itself."""

MAX_TRIALS = 12
"""Step lengths that are tried along one direction."""


@dataclass(frozen=True)
class Point:
    """Where the function was looked at.

    Attributes:
        at: the variables (num,).
        value: of the function.
        gradient: (num,).
        size: what has to become small.
    """

    at: Array
    value: float
    gradient: Array
    size: float


Function = Callable[[Array], Point]


def minimise(
    function: Function, start: Array, *, tolerance: float, max_iterations: int = 1000
) -> tuple[Point, int]:
    """Follow L-BFGS steps until `size` is at most the tolerance, or no step helps.

    Args:
        function: convex, and such that a step of the negative gradient is about right.
        start: (num,).
        tolerance: for `size`.
        max_iterations: after which to stop anyway.

    Returns:
        The last point, and how many steps led there.
    """
    here = function(start)
    pairs: deque[tuple[Array, Array]] = deque(maxlen=MEMORY)
    for iteration in range(max_iterations):
        if here.size <= tolerance:
            return here, iteration
        there = _search(function, here, _direction(here.gradient, pairs))
        if there is None:
            return here, iteration
        pairs.append((there.at - here.at, there.gradient - here.gradient))
        here = there
    return here, max_iterations


def _direction(gradient: Array, pairs: deque[tuple[Array, Array]]) -> Array:
    """Two loops over the pairs: Nocedal and Wright, algorithm 7.4."""
    direction = -gradient
    shares = []
    for step, change in reversed(pairs):
        share = (step @ direction) / (step @ change)
        direction -= share * change
        shares.append(share)
    if pairs:
        step, change = pairs[-1]
        direction *= (step @ change) / (change @ change)
    for (step, change), share in zip(pairs, reversed(shares), strict=True):
        direction += (share - (change @ direction) / (step @ change)) * step
    return direction


def _search(function: Function, here: Point, direction: Array) -> Point | None:
    """A point along the direction where the slope has come near zero, from either side."""
    slope = float(here.gradient @ direction)
    low, low_slope, high, high_slope, length = 0.0, slope, np.inf, 0.0, 1.0
    for _ in range(MAX_TRIALS):
        there = function(here.at + length * direction)
        new_slope = float(there.gradient @ direction)
        risen = there.value > here.value + NOISE * abs(here.value)
        if not risen and abs(new_slope) <= 0.9 * abs(slope):
            return there
        if new_slope > 0 or risen or not np.isfinite(there.value):
            high, high_slope = length, new_slope
        else:
            low, low_slope = length, new_slope
        if not np.isfinite(high):
            length *= 4
            continue
        # where a straight line through both slopes is zero, away from the ends
        share = low_slope / (low_slope - high_slope) if high_slope > 0 else 0.5
        length = low + float(np.clip(share, 0.1, 0.9)) * (high - low)
    return None
