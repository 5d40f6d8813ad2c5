"""The chart: a metric against a cost, by model size and by scale."""

from collections.abc import Mapping, Sequence
from math import floor, log10
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from polyscale.records import Result
from polyscale.report.drawing import GRID, INK, PT, QUIET, new_figure
from polyscale.report.labels import XY, Label, place_labels
from polyscale.report.metric_words import MetricWords
from polyscale.report.names import FamilyStyle, chart_names, scale_lines, scales_text, size_lines
from polyscale.report.numbers import LEVEL, MACS, Axis
from polyscale.report.run import Run

SHAPES = {"circle": "o", "square": "s", "triangle": "^", "diamond": "D"}
DASHES = (4, 2.5)
LEGEND_LINE_WIDTH = 1.4
LEGEND_LINE_PT = LEGEND_LINE_WIDTH * (3 * DASHES[0] + 2 * DASHES[1])  # ends with a whole dash
MAX_TICKS = 7
WIDE_NAME, NARROW_NAME = 24, 18  # characters of a model's name

Costs = Mapping[str, float]
"""Of each candidate, on one axis."""


def cuts_of(run: Run, axis: Axis) -> list[tuple[Result, float]]:
    """The larger models at whose cost a verdict interpolated a curve, and its value there."""
    larger = [
        (run.rows[cost.larger], run.words.sign * cost.difference)
        for verdict in run.verdicts
        for cost in verdict.costs
        if cost.axis == axis.key and cost.rule == "interpolated"
    ]
    return [(result, result.value + difference) for result, difference in larger]


def draw_chart(
    run: Run,
    size_px: tuple[int, int],
    *,
    axis: Axis = MACS,
    narrow: bool = False,
    alone: bool = False,
    id_prefix: str = "chart",
) -> Figure:
    """Each candidate as a point with its interval; lines join models of a family, and scale sets.

    Args:
        run: with a cost on that axis for each candidate.
        size_px: width and height in CSS pixels, 96 an inch.
        axis: the kind of cost.
        narrow: for a phone: smaller marks and text, and more room beside the points.
        alone: with a title, and without interpolated points, which only a page explains.
        id_prefix: of the ids of lines and points in an SVG.
    """
    figure = new_figure(*size_px)
    axes = figure.add_subplot()
    costs = run.costs(axis)
    _draw_lines(axes, run, costs, narrow=narrow, id_prefix=id_prefix)
    if not alone:
        _draw_cuts(axes, run, axis, costs)
    for number, result in enumerate(run.results):
        gid = f"{id_prefix}-point-{number}"
        style = run.styles[result.family]
        _draw_point(axes, result, costs[result.candidate], style, narrow=narrow, gid=gid)
    _draw_axes(axes, axis, list(costs.values()), run.words, narrow=narrow)
    _draw_legend(axes, narrow=narrow, has_cuts=not alone and bool(cuts_of(run, axis)))
    if alone:
        title = chart_title(run, axis)
        axes.set_title(title, loc="left", pad=36, fontsize=17 * PT, weight="bold", color=INK)
    # margins first, since labels are placed among what is then drawn
    figure.set_layout_engine("tight", pad=0.6)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    _draw_labels(axes, run, costs, narrow=narrow)
    return figure


def chart_title(run: Run, axis: Axis = MACS) -> str:
    """What the chart shows."""
    row = run.results[0]
    return (
        f"{run.words.name} against {axis.noun} on {row.data} "
        f"({row.num_test} {run.words.samples}, {LEVEL} intervals)"
    )


def point_places(figure: Figure, run: Run, axis: Axis) -> dict[str, XY]:
    """Where each candidate's point is: shares of the width from the left, the height from above."""
    (axes,) = figure.axes
    costs = run.costs(axis)
    width, height = figure.bbox.size
    places = {}
    for result in run.results:
        x, y = axes.transData.transform((costs[result.candidate], result.value))
        places[result.candidate] = (float(x / width), float(1 - y / height))
    return places


def _draw_lines(axes: Axes, run: Run, costs: Costs, *, narrow: bool, id_prefix: str) -> None:
    for kind, lines in (("size", size_lines(run.results)), ("scale", scale_lines(run.results))):
        for number, rows in enumerate(lines):
            axes.plot(
                [costs[r.candidate] for r in rows],
                [r.value for r in rows],
                color=run.styles[rows[0].family].colour,
                linestyle="-" if kind == "size" else (0, DASHES),
                linewidth=1.2 if narrow else 1.6,
                zorder=2,
                gid=f"{id_prefix}-{kind}-{number}",
            )


def _draw_cuts(axes: Axes, run: Run, axis: Axis, costs: Costs) -> None:
    """A cross where a curve was interpolated, and a dotted line from it to the larger model."""
    for larger, value in cuts_of(run, axis):
        colour, cost = run.styles[larger.family].colour, costs[larger.candidate]
        axes.plot([cost] * 2, [value, larger.value], ":", color=colour, linewidth=1.4, zorder=1.5)
        axes.plot(cost, value, "x", color=INK, markersize=6.5, markeredgewidth=1.6, zorder=4)


def _draw_point(
    axes: Axes, result: Result, cost: float, style: FamilyStyle, *, narrow: bool, gid: str
) -> None:
    """A marker, hollow at one scale and filled at several, and its interval."""
    interval = [result.ci_low, result.ci_high]
    axes.plot([cost] * 2, interval, color=style.colour, alpha=0.45, linewidth=1.1, zorder=1)
    axes.plot(
        cost,
        result.value,
        marker=SHAPES[style.marker],
        markersize=6 if narrow else 7.5,
        markerfacecolor=style.colour if len(result.scales) > 1 else "white",
        markeredgecolor=style.colour,
        markeredgewidth=1.5,
        linestyle="none",
        zorder=3,
        gid=gid,
    )


def _draw_axes(
    axes: Axes, axis: Axis, costs: Sequence[float], words: MetricWords, *, narrow: bool
) -> None:
    size = _text_pt(narrow)
    # room for labels at both ends, a share of what the points span
    low, high = min(costs), max(costs)
    room = max(high / low, 2) ** (0.22 if narrow else 0.1)
    ends = (low / room, high * room)
    direction = ", faster on the left" if axis.turned else ""
    axes.set_xscale("log")
    axes.set_xlim(*(ends[::-1] if axis.turned else ends))
    axes.xaxis.set_major_locator(FixedLocator(_ticks(*ends)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: axis.tick(value)))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: words.tick(value)))
    axes.margins(y=0.06)
    ylabel = words.noun
    if words.sign < 0:
        axes.invert_yaxis()  # better is up
        ylabel += ", lower is better (axis inverted)"
    axes.tick_params(length=0, labelsize=size, labelcolor=QUIET, pad=6)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "left", "right"]].set_visible(False)
    axes.spines["bottom"].set_color(QUIET)
    xlabel = f"{axis.label} (log scale{direction})"
    axes.set_xlabel(xlabel, fontsize=size, color=QUIET, labelpad=8)
    axes.set_ylabel(ylabel, fontsize=size, color=QUIET, labelpad=6)


def _ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 of each decade; the decades alone where those would crowd, more where few fit."""
    decades = [10.0**i for i in range(floor(log10(low)), floor(log10(high)) + 1)]
    candidates: Sequence[float] = [d * digit for d in decades for digit in (1, 2, 5)]
    num = sum(low <= tick <= high for tick in candidates)
    if num > MAX_TICKS:
        candidates = decades
    elif num < 2:
        candidates = [*MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(low, high)]
    return [tick for tick in candidates if low <= tick <= high]


def _draw_legend(axes: Axes, *, narrow: bool, has_cuts: bool) -> None:
    look: Any = {
        "color": QUIET,
        "marker": "o",
        "markersize": 6 if narrow else 7,
        "markeredgewidth": 1.5,
        "linewidth": LEGEND_LINE_WIDTH,
    }
    sizes = Line2D([], [], label="larger models, one scale", markerfacecolor="white", **look)
    scales = Line2D([], [], label="more scales, same model", linestyle=(0, DASHES), **look)
    cuts = Line2D([], [], label="estimated, not run", color=INK, marker="x", linestyle=":")
    axes.legend(
        handles=[sizes, scales, *([cuts] if has_cuts else [])],
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=1 if narrow else 3,
        frameon=False,
        fontsize=_text_pt(narrow),
        labelcolor=INK,
        borderaxespad=0.3,
        borderpad=0,
        handlelength=LEGEND_LINE_PT / _text_pt(narrow),
        columnspacing=2.2,
    )


def _draw_labels(axes: Axes, run: Run, costs: Costs, *, narrow: bool) -> None:
    """A model's name at scale 1, and the scales alone on the line that starts there."""
    models = chart_names(run.results, NARROW_NAME if narrow else WIDE_NAME)
    named = {r.backbone for r in run.results if r.scales == (1,)}
    labels = []
    for r in run.results:
        text, at = models[r.backbone], "@" if narrow else "scales"
        if r.scales != (1,):
            scales = scales_text(r.scales)
            text = f"{at} {scales}" if r.backbone in named else f"{text} @ {scales}"
        xy, colour = (costs[r.candidate], r.value), run.styles[r.family].ink
        labels.append(Label(text=text, xy=xy, interval=(r.ci_low, r.ci_high), colour=colour))
    lines = [
        [(costs[r.candidate], r.value) for r in rows]
        for rows in (*size_lines(run.results), *scale_lines(run.results))
    ]
    place_labels(axes, labels, lines, fontsize=_text_pt(narrow) - 0.4)


def _text_pt(narrow: bool) -> float:
    return (12 if narrow else 14) * PT
