"""Ratios of costs; those of times have an interval, because they were measured in turns."""

from math import sqrt
from typing import NamedTuple

import numpy as np

from polyscale.records import CostAxis, Result, known_axes


class Ratio(NamedTuple):
    """A cost over another, and for times the ends of its 95 % interval; None if not known."""

    value: float | None = None
    low: float | None = None
    high: float | None = None


def cost_ratio(first: Result, second: Result, axis: CostAxis) -> Ratio:
    """How many times as much the first costs as the second.

    Of times, the geometric mean of the ratios within each turn: what slows both down in a turn
    cancels out. Its interval is Student's over the turns. It covers another measurement on the same
    machine in the same state, not another machine.
    """
    from scipy.stats import t

    if axis not in known_axes([first, second]):
        return Ratio()
    a, b = first.turns, second.turns
    if axis != "latency_ms" or a is None or b is None or len(a.latency_ms) < 2:
        return Ratio(getattr(first, axis) / getattr(second, axis))
    logs = np.log(a.latency_ms) - np.log(b.latency_ms)
    half = t.ppf(0.975, len(logs) - 1) * logs.std(ddof=1) / sqrt(len(logs))
    return Ratio(*np.exp(logs.mean() + np.array([0, -half, half])).tolist())
