"""Small line charts, placed as numbers for a template to draw."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log10

from matplotlib.ticker import MaxNLocator

Dot = tuple[float, float, float, float]
"""Left, top, and the lower and the upper end of the interval."""
LEFT, RIGHT, TOP, BOTTOM = 46, 348, 12, 194  # of the frame, in a view box of 360 × 230


@dataclass(frozen=True, kw_only=True)
class Series:
    """A line: its points, how it looks, and its intervals if it has any."""

    x: Sequence[float]
    y: Sequence[float]
    style: str
    colour: str = "var(--accent)"
    low: Sequence[float] = ()
    high: Sequence[float] = ()


@dataclass(frozen=True, kw_only=True)
class Plot:
    """Everything of a chart in units of its view box: ticks as places and texts, lines as paths."""

    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    x_label: str
    lines: tuple[tuple[Series, str, list[Dot]], ...]
    mark: tuple[float, float] | None


def place(
    series: Sequence[Series],
    *,
    x_label: str,
    x_text: Callable[[float], str],
    y_text: Callable[[float], str],
    x_at: Sequence[float] | None = None,
    x_pad: float = 0,
    mark: tuple[float, float] | None = None,
) -> Plot:
    """Place lines of values against a cost or a count.

    The x axis is linear, or logarithmic where its ticks are given (`x_at`). A share of the width
    (`x_pad`) stays free at either end; `mark` is a point to be marked.
    """
    scale = float if x_at is None else log10
    xs = [scale(x) for line in series for x in line.x]
    ys = [float(y) for line in series for y in (*line.y, *line.low, *line.high)]
    x_ticks, y_ticks = x_at or _ticks(4, xs), _ticks(5, ys)
    bottom, top = min(*ys, y_ticks[0]), max(*ys, y_ticks[-1])

    def across(x: float) -> float:
        share = x_pad + (1 - 2 * x_pad) * _share(scale(x), min(xs), max(xs))
        return round(LEFT + (RIGHT - LEFT) * share, 2)

    def up(y: float) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * _share(y, bottom, top), 2)

    def placed(line: Series) -> tuple[Series, str, list[Dot]]:
        points = [(across(x), up(y)) for x, y in zip(line.x, line.y, strict=True)]
        ends = [(up(low), up(high)) for low, high in zip(line.low, line.high, strict=True)]
        path = "M" + "L".join(f"{x:g} {y:g}" for x, y in points)
        return line, path, [(*xy, *end) for xy, end in zip(points, ends, strict=False)]

    shown = [x for x in x_ticks if min(xs) <= scale(x) <= max(xs)]
    return Plot(
        x_ticks=tuple((across(x), x_text(x)) for x in shown),
        y_ticks=tuple((up(y), y_text(y)) for y in y_ticks),
        x_label=x_label,
        lines=tuple(placed(line) for line in series),
        mark=(across(mark[0]), up(mark[1])) if mark else None,
    )


def _ticks(num: int, values: Sequence[float]) -> list[float]:
    """At most so many steps of 1, 2 or 5, from at or below the least value on."""
    ticks = MaxNLocator(num, steps=[1, 2, 5, 10]).tick_values(min(values), max(values))
    return [float(tick) for tick in ticks]


def _share(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low) if high > low else 0.5
