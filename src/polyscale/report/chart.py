"""The chart: accuracy against multiply-adds, by model size and by scale."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from polyscale.report.labels import Label, place_labels
from polyscale.report.names import chart_names, scales_text
from polyscale.report.numbers import LEVEL
from polyscale.report.series import Look, looks, scale_series, size_series
from polyscale.types import Result

SHAPES = {"circle": "o", "square": "s", "triangle": "^", "diamond": "D"}
INK, QUIET, GRID = "#1d2329", "#5b6670", "#e3e7ea"
DASHES = (4, 2.5)
LEGEND_LINE_WIDTH = 1.4
LEGEND_LINE_PT = LEGEND_LINE_WIDTH * (3 * DASHES[0] + 2 * DASHES[1])  # ends with a whole dash
PX_PER_INCH = 96
PT = 72 / PX_PER_INCH
MAX_TICKS = 7
WIDE_NAME, NARROW_NAME = 24, 18  # characters of a model's name


def draw_chart(
    results: Sequence[Result],
    size_px: tuple[int, int],
    *,
    narrow: bool = False,
    titled: bool = False,
    id_prefix: str = "chart",
) -> Figure:
    """Each candidate as a point with its interval; lines join models of a family, and scale sets.

    Args:
        results: one row a candidate.
        size_px: width and height in CSS pixels, 96 an inch.
        narrow: smaller marks and text, and more room beside the points, for a phone.
        titled: whether the title is drawn; a page has its own.
        id_prefix: of the ids of lines and points in an SVG.
    """
    width, height = size_px
    figure = Figure(figsize=(width / PX_PER_INCH, height / PX_PER_INCH), facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _draw_lines(axes, results, narrow=narrow, id_prefix=id_prefix)
    family_looks = looks(results)
    for number, result in enumerate(results):
        gid = f"{id_prefix}-point-{number}"
        _draw_point(axes, result, family_looks[result.family], narrow=narrow, gid=gid)
    _draw_axes(axes, results, narrow=narrow)
    _draw_legend(axes, narrow=narrow)
    if titled:
        title = chart_title(results[0])
        axes.set_title(title, loc="left", pad=36, fontsize=17 * PT, weight="bold", color=INK)
    # margins first, since labels are placed among what is then drawn
    figure.set_layout_engine("tight", pad=0.6)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    _draw_labels(axes, results, narrow=narrow)
    return figure


def chart_title(result: Result) -> str:
    """What the chart shows, of any of its rows."""
    return (
        f"Accuracy against multiply-adds on {result.data} "
        f"({result.num_test} test images, {LEVEL} intervals)"
    )


def _draw_lines(axes: Axes, results: Sequence[Result], *, narrow: bool, id_prefix: str) -> None:
    for found in (size_series(results), scale_series(results)):
        for number, series in enumerate(found):
            axes.plot(
                [r.macs for r in series.results],
                [100 * r.value for r in series.results],
                color=series.look.colour,
                linestyle="-" if series.kind == "size" else (0, DASHES),
                linewidth=1.2 if narrow else 1.6,
                zorder=2,
                gid=f"{id_prefix}-{series.kind}-{number}",
            )


def _draw_point(axes: Axes, result: Result, look: Look, *, narrow: bool, gid: str) -> None:
    """A marker, hollow at one scale and filled at several, and its interval."""
    interval = [100 * result.ci_low, 100 * result.ci_high]
    axes.plot([result.macs] * 2, interval, color=look.colour, alpha=0.45, linewidth=1.1, zorder=1)
    axes.plot(
        [result.macs],
        [100 * result.value],
        marker=SHAPES[look.marker],
        markersize=6 if narrow else 7.5,
        markerfacecolor=look.colour if len(result.scales) > 1 else "white",
        markeredgecolor=look.colour,
        markeredgewidth=1.5,
        linestyle="none",
        zorder=3,
        gid=gid,
    )


def _draw_axes(axes: Axes, results: Sequence[Result], *, narrow: bool) -> None:
    size = _text_pt(narrow)
    axes.set_xscale("log")
    # room for labels at both ends, a share of what the points span
    low, high = min(r.macs for r in results), max(r.macs for r in results)
    room = max(high / low, 2) ** (0.22 if narrow else 0.1)
    axes.set_xlim(low / room, high * room)
    axes.xaxis.set_major_locator(FixedLocator(_ticks(low / room, high * room)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 1e9:g} G"))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    axes.margins(y=0.06)
    axes.tick_params(length=0, labelsize=size, labelcolor=QUIET, pad=6)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "left", "right"]].set_visible(False)
    axes.spines["bottom"].set_color(QUIET)
    axes.set_xlabel(
        "multiply-adds for one image (log scale)", fontsize=size, color=QUIET, labelpad=8
    )
    axes.set_ylabel("accuracy", fontsize=size, color=QUIET, labelpad=6)


def _ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 of each decade, or the decades alone where those would crowd."""
    decades = [1e9 * 10.0**i for i in range(-6, 7)]
    shown = [d * digit for d in decades for digit in (1, 2, 5) if low <= d * digit <= high]
    return shown if len(shown) <= MAX_TICKS else [d for d in decades if low <= d <= high]


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


def _draw_labels(axes: Axes, results: Sequence[Result], *, narrow: bool) -> None:
    models = chart_names(results, NARROW_NAME if narrow else WIDE_NAME)
    family_looks = looks(results)
    named = {r.backbone for r in results if r.scales == (1,)}
    labels = [
        Label(
            text=_label(
                r,
                models[r.backbone],
                line_is_named=r.backbone in named,
                at="@" if narrow else "scales",
            ),
            xy=(r.macs, 100 * r.value),
            interval=(100 * r.ci_low, 100 * r.ci_high),
            colour=family_looks[r.family].ink,
        )
        for r in results
    ]
    lines = [
        [(r.macs, 100 * r.value) for r in series.results]
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
