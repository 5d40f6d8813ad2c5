"""L-BFGS for a smooth convex function whose values are only known to single precision.

SciPy's line search compares values of the function. Near the minimum these differ by less than
float32 can tell, and the search gives up a digit or two early. The derivative along the search
direction keeps its sign far longer, so this search looks for the zero of the derivative, and only
requires that the value does not rise beyond its own noise (the "approximate Wolfe" conditions of
Hager and Zhang, SIAM Journal on Optimization 16, 2005).
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MEMORY = 10
"""Number of steps, with the changes of the gradient, that L-BFGS keeps."""

NOISE = 1e-6
"""How much a value may rise in a step, relative to itself."""

MAX_TRIALS = 12
"""Number of step lengths that are tried along one direction."""


class Point(NamedTuple):
    """A point at which the function was evaluated.

    Attributes:
        at: the variables (num,).
        value: of the function.
        gradient: of the function (num,).
        size: the quantity that must become small, for example the norm of the gradient.
    """

    at: Array
    value: float
    gradient: Array
    size: float


def minimise(
    function: Callable[[Array], Point], start: Array, *, tolerance: float, max_steps: int = 1000
) -> tuple[Point, int]:
    """Take L-BFGS steps until `size` is at most the tolerance, or no step helps.

    Args:
        function: convex, scaled such that a step of minus the gradient is about right.
        start: the variables at the start (num,).
        tolerance: for `size`.
        max_steps: after which the search ends in any case.

    Returns:
        The last point, and the number of steps that led to it.
    """
    here = function(start)
    pairs: deque[tuple[Array, Array]] = deque(maxlen=MEMORY)
    for step in range(max_steps):
        if here.size <= tolerance:
            return here, step
        there = _search(function, here, _direction(here.gradient, pairs))
        if there is None:
            return here, step
        pairs.append((there.at - here.at, there.gradient - here.gradient))
        here = there
    return here, max_steps


def _direction(gradient: Array, pairs: deque[tuple[Array, Array]]) -> Array:
    """The two-loop recursion: Nocedal and Wright, Numerical Optimization, algorithm 7.4."""
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


def _search(function: Callable[[Array], Point], here: Point, direction: Array) -> Point | None:
    """A point along the direction where the slope is closer to zero, on either side of it."""
    slope = float(here.gradient @ direction)
    low, low_slope, high, high_slope, length = 0.0, slope, np.inf, 0.0, 1.0
    for _ in range(MAX_TRIALS):
        there = function(here.at + length * direction)
        new_slope = float(there.gradient @ direction)
        has_risen = there.value > here.value + NOISE * abs(here.value)
        if not has_risen and abs(new_slope) <= 0.9 * abs(slope):
            return there
        if new_slope > 0 or has_risen or not np.isfinite(there.value):
            high, high_slope = length, new_slope
        else:
            low, low_slope = length, new_slope
        if not np.isfinite(high):
            length *= 4
            continue
        # where the straight line through both slopes is zero, but not next to either end
        share = low_slope / (low_slope - high_slope) if high_slope > 0 else 0.5
        length = low + float(np.clip(share, 0.1, 0.9)) * (high - low)
    return None
