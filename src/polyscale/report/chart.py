"""The chart: a metric against a cost, by model size and by scale."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from polyscale.records import Result
from polyscale.report.axes import MACS, Axis, Costs, costs
from polyscale.report.labels import XY, Label, place_labels
from polyscale.report.names import chart_names, scales_text
from polyscale.report.numbers import LEVEL
from polyscale.report.series import Look, looks, scale_series, size_series
from polyscale.report.vocabulary import Vocabulary, speak

SHAPES = {"circle": "o", "square": "s", "triangle": "^", "diamond": "D"}
INK, QUIET, GRID = "#1d2329", "#5b6670", "#e3e7ea"
DASHES = (4, 2.5)
LEGEND_LINE_WIDTH = 1.4
LEGEND_LINE_PT = LEGEND_LINE_WIDTH * (3 * DASHES[0] + 2 * DASHES[1])  # ends with a whole dash
PX_PER_INCH = 96
PT = 72 / PX_PER_INCH
MAX_TICKS = 7
WIDE_NAME, NARROW_NAME = 24, 18  # characters of a model's name


@dataclass(frozen=True)
class Cut:
    """Where a verdict cut the small model's curve: at the cost of a larger model.

    Attributes:
        larger: the larger candidate.
        ends: the candidates of the curve on either side.
        value: of the curve there.
    """

    larger: str
    ends: tuple[str, ...]
    value: float


def draw_chart(
    results: Sequence[Result],
    size_px: tuple[int, int],
    *,
    axis: Axis = MACS,
    own: Costs | None = None,
    cuts: Sequence[Cut] = (),
    narrow: bool = False,
    titled: bool = False,
    id_prefix: str = "chart",
) -> Figure:
    """Each candidate as a point with its interval; lines join models of a family, and scale sets.

    Args:
        results: one row a candidate.
        size_px: width and height in CSS pixels, 96 an inch.
        axis: the kind of cost.
        own: each candidate's; None reads them from the rows.
        cuts: of the small model's curve, by verdicts on that cost.
        narrow: smaller marks and text, and more room beside the points, for a phone.
        titled: whether the title is drawn; a page has its own.
        id_prefix: of the ids of lines and points in an SVG.
    """
    width, height = size_px
    figure = Figure(figsize=(width / PX_PER_INCH, height / PX_PER_INCH), facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    own = own or costs(results, axis)
    _draw_lines(axes, results, own, narrow=narrow, id_prefix=id_prefix)
    _draw_cuts(axes, results, own, cuts)
    family_looks = looks(results)
    for number, result in enumerate(results):
        gid = f"{id_prefix}-point-{number}"
        _draw_point(axes, result, own, family_looks[result.family], narrow=narrow, gid=gid)
    _draw_axes(axes, axis, list(own.values()), speak(results[0].metric), narrow=narrow)
    _draw_legend(axes, narrow=narrow)
    if titled:
        title = chart_title(results[0], axis)
        axes.set_title(title, loc="left", pad=36, fontsize=17 * PT, weight="bold", color=INK)
    # margins first, since labels are placed among what is then drawn
    figure.set_layout_engine("tight", pad=0.6)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    _draw_labels(axes, results, own, narrow=narrow)
    return figure


def chart_title(result: Result, axis: Axis = MACS) -> str:
    """What the chart shows, of any of its rows."""
    return (
        f"{speak(result.metric).metric.name} against {axis.noun} on {result.data} "
        f"({result.num_test} test images, {LEVEL} intervals)"
    )


def point_places(figure: Figure, results: Sequence[Result], own: Costs) -> dict[str, XY]:
    """Where each candidate's point is: shares of the width from the left, the height from above."""
    (axes,) = figure.axes
    say = speak(results[0].metric)
    width, height = figure.bbox.size
    places = {}
    for result in results:
        x, y = axes.transData.transform((own[result.candidate], say.shown(result.value)))
        places[result.candidate] = (float(x / width), float(1 - y / height))
    return places


def _draw_lines(
    axes: Axes, results: Sequence[Result], own: Costs, *, narrow: bool, id_prefix: str
) -> None:
    say = speak(results[0].metric)
    for found in (size_series(results), scale_series(results)):
        for number, series in enumerate(found):
            axes.plot(
                [own[r.candidate] for r in series.results],
                [say.shown(r.value) for r in series.results],
                color=series.look.colour,
                linestyle="-" if series.kind == "size" else (0, DASHES),
                linewidth=1.2 if narrow else 1.6,
                zorder=2,
                gid=f"{id_prefix}-{series.kind}-{number}",
            )


def _draw_cuts(axes: Axes, results: Sequence[Result], own: Costs, cuts: Sequence[Cut]) -> None:
    """A cross on the curve, and a dotted line from it to the larger model."""
    by_name = {result.candidate: result for result in results}
    say = speak(results[0].metric)
    for cut in cuts:
        larger = by_name[cut.larger]
        colour = looks(results)[larger.family].colour
        cost = own[cut.larger]
        axes.plot(
            [cost] * 2,
            [say.shown(cut.value), say.shown(larger.value)],
            ":",
            color=colour,
            linewidth=1.4,
            zorder=1.5,
        )
        axes.plot(
            [cost],
            [say.shown(cut.value)],
            "x",
            color=INK,
            markersize=6.5,
            markeredgewidth=1.6,
            zorder=4,
        )


def _draw_point(
    axes: Axes, result: Result, own: Costs, look: Look, *, narrow: bool, gid: str
) -> None:
    """A marker, hollow at one scale and filled at several, and its interval."""
    say = speak(result.metric)
    interval = [say.shown(result.ci_low), say.shown(result.ci_high)]
    cost = own[result.candidate]
    axes.plot([cost] * 2, interval, color=look.colour, alpha=0.45, linewidth=1.1, zorder=1)
    axes.plot(
        [cost],
        [say.shown(result.value)],
        marker=SHAPES[look.marker],
        markersize=6 if narrow else 7.5,
        markerfacecolor=look.colour if len(result.scales) > 1 else "white",
        markeredgecolor=look.colour,
        markeredgewidth=1.5,
        linestyle="none",
        zorder=3,
        gid=gid,
    )


def _draw_axes(
    axes: Axes, axis: Axis, own: Sequence[float], say: Vocabulary, *, narrow: bool
) -> None:
    size = _text_pt(narrow)
    axes.set_xscale("log")
    # room for labels at both ends, a share of what the points span
    low, high = min(own), max(own)
    room = max(high / low, 2) ** (0.22 if narrow else 0.1)
    ends = (low / room, high * room)
    axes.set_xlim(*(ends[::-1] if axis.turned else ends))
    axes.xaxis.set_major_locator(FixedLocator(_ticks(*ends)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: axis.tick(value)))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: say.tick(value)))
    axes.margins(y=0.06)
    if say.sign < 0:
        axes.invert_yaxis()  # better is up
    axes.tick_params(length=0, labelsize=size, labelcolor=QUIET, pad=6)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "left", "right"]].set_visible(False)
    axes.spines["bottom"].set_color(QUIET)
    axes.set_xlabel(axis.label, fontsize=size, color=QUIET, labelpad=8)
    axes.set_ylabel(say.axis, fontsize=size, color=QUIET, labelpad=6)


def _ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 of each decade; the decades alone where those would crowd, more where few fit."""
    decades = [10.0**i for i in range(floor(log10(low)), floor(log10(high)) + 1)]
    shown = [d * digit for d in decades for digit in (1, 2, 5) if low <= d * digit <= high]
    if len(shown) > MAX_TICKS:
        return [d for d in decades if low <= d <= high]
    if len(shown) < 2:
        return [
            float(t)
            for t in MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(low, high)
            if low <= t <= high
        ]
    return shown


def _draw_legend(axes: Axes, *, narrow: bool) -> None:
    sizes = Line2D([], [], label="larger models, one scale", markerfacecolor="white")
    scales = Line2D([], [], label="more scales, same model", linestyle=(0, DASHES))
    for handle in (sizes, scales):
        handle.set_color(QUIET)
        handle.set_marker("o")
        handle.set_markersize(6 if narrow else 7)
        handle.set_markeredgewidth(1.5)
        handle.set_linewidth(LEGEND_LINE_WIDTH)
    axes.legend(
        handles=[sizes, scales],
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=1 if narrow else 2,
        frameon=False,
        fontsize=_text_pt(narrow),
        labelcolor=INK,
        borderaxespad=0.3,
        borderpad=0,
        handlelength=LEGEND_LINE_PT / _text_pt(narrow),
        columnspacing=2.2,
    )


def _draw_labels(axes: Axes, results: Sequence[Result], own: Costs, *, narrow: bool) -> None:
    models = chart_names(results, NARROW_NAME if narrow else WIDE_NAME)
    family_looks = looks(results)
    named = {r.backbone for r in results if r.scales == (1,)}
    say = speak(results[0].metric)
    labels = [
        Label(
            text=_label(
                r,
                models[r.backbone],
                line_is_named=r.backbone in named,
                at="@" if narrow else "scales",
            ),
            xy=(own[r.candidate], say.shown(r.value)),
            interval=(say.shown(r.ci_low), say.shown(r.ci_high)),
            colour=family_looks[r.family].ink,
        )
        for r in results
    ]
    lines = [
        [(own[r.candidate], say.shown(r.value)) for r in series.results]
        for series in (*size_series(results), *scale_series(results))
    ]
    place_labels(axes, labels, lines, fontsize=_text_pt(narrow) - 0.4)


def _label(result: Result, model: str, *, line_is_named: bool, at: str) -> str:
    """A model's name at scale 1, and the scales alone on the line that starts there."""
    if result.scales == (1,):
        return model
    scales = scales_text(result.scales)
    return f"{at} {scales}" if line_is_named else f"{model} @ {scales}"


def _text_pt(narrow: bool) -> float:
    return (12 if narrow else 14) * PT
