"""Small line charts, placed as numbers for a template to draw."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log10

from matplotlib.ticker import MaxNLocator

WIDTH, HEIGHT = 360, 230
LEFT, RIGHT, TOP, BOTTOM = 46, 348, 12, 194


@dataclass(frozen=True, kw_only=True)
class Series:
    """A line: its points, how it looks, and its intervals if it has any."""

    x: Sequence[float]
    y: Sequence[float]
    style: str
    colour: str = "var(--accent)"
    low: Sequence[float] = ()
    high: Sequence[float] = ()


@dataclass(frozen=True)
class Tick:
    """Where a tick is, in units of the view box, and what it says."""

    at: float
    text: str


@dataclass(frozen=True, kw_only=True)
class PlacedLine:
    """A line as an SVG path; `dots` are its points with the ends of their intervals."""

    path: str
    style: str
    colour: str
    dots: tuple[tuple[float, float, float, float], ...]


@dataclass(frozen=True, kw_only=True)
class Plot:
    """Everything of a chart in units of its view box."""

    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    x_label: str
    lines: tuple[PlacedLine, ...]
    mark: tuple[float, float] | None


def percent_tick(share: float) -> str:
    """A share (0 to 1) on an axis."""
    return f"{100 * share:.3g} %"


def place(
    series: Sequence[Series],
    *,
    x_label: str,
    x_text: Callable[[float], str],
    x_at: Sequence[float] | None = None,
    x_pad: float = 0,
    y_text: Callable[[float], str] = percent_tick,
    mark: tuple[float, float] | None = None,
) -> Plot:
    """Place lines of values against a cost or a count.

    Args:
        series: the lines.
        x_label: below the chart.
        x_text: a value of the x axis as text.
        x_at: where its ticks are; the axis is then logarithmic. None is a linear one.
        x_pad: share of the width that stays free at either end.
        y_text: a value of the y axis as text.
        mark: a point to be marked.
    """
    scale = log10 if x_at is not None else float
    xs = [scale(x) for one in series for x in one.x]
    ys = [y for one in series for y in (*one.y, *one.low, *one.high)]
    y_ticks = list(MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(min(ys), max(ys)))
    x_ticks = (
        list(x_at) if x_at else MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(min(xs), max(xs))
    )
    bottom, top = min(*ys, y_ticks[0]), max(*ys, y_ticks[-1])

    def across(x: float) -> float:
        share = x_pad + (1 - 2 * x_pad) * _share(scale(x), min(xs), max(xs))
        return round(LEFT + (RIGHT - LEFT) * share, 2)

    def up(y: float) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * _share(y, bottom, top), 2)

    return Plot(
        x_ticks=tuple(
            Tick(across(x), x_text(x)) for x in x_ticks if min(xs) <= scale(x) <= max(xs)
        ),
        y_ticks=tuple(Tick(up(y), y_text(y)) for y in y_ticks),
        x_label=x_label,
        lines=tuple(_line(one, across, up) for one in series),
        mark=(across(mark[0]), up(mark[1])) if mark else None,
    )


def _share(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low) if high > low else 0.5


def _line(
    one: Series, across: Callable[[float], float], up: Callable[[float], float]
) -> PlacedLine:
    points = [(across(x), up(y)) for x, y in zip(one.x, one.y, strict=True)]
    ends = [(up(a), up(b)) for a, b in zip(one.low, one.high, strict=True)]
    return PlacedLine(
        path="M" + "L".join(f"{x:g} {y:g}" for x, y in points),
        style=one.style,
        colour=one.colour,
        dots=tuple((*point, *end) for point, end in zip(points, ends, strict=False)),
    )
