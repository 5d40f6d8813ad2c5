"""Where features disagree, and how much each way of cutting leaves at tile borders."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from polyscale.records.seams import CONTROL, JOIN, SeamReport, WaySeams
from polyscale.report.drawing import INK, QUIET, RULE, Box, add_image, add_text, new_sheet
from polyscale.report.names import COLOURS
from polyscale.report.numbers import MINUS, NBSP, ratio_digits
from polyscale.types import format_scale

MARGIN, PANEL, GAP = 28, 164, 14
HEAD, NAME, BETWEEN, ROW, FOOT = 88, 44, 70, 30, 62
# heading → right edge in pixels
COLUMNS = {"tiles": 345, "across borders": 450, "elsewhere": 525, "at new edges": 625}
PLOT_LEFT = 670
DOT = COLOURS[0]
MAP = "magma"  # even steps to the eye, and to colour-blind eyes


def draw_seams(report: SeamReport) -> Figure:
    """Maps of disagreement with one scale of colours, then a row for each way of cutting."""
    num = len(report.ways)
    panel_h = PANEL * report.image.shape[0] / report.image.shape[1]
    width = max(2 * MARGIN + (num + 1) * PANEL + num * GAP, 1100)
    table_top = HEAD + NAME + panel_h + BETWEEN
    height = table_top + num * ROW + FOOT
    figure, sheet = new_sheet(width, height)
    title = (
        f"Across a tile border, neighbouring features differ "
        f"{ratio_digits(report.ways[0].seams.excess + 1)} times as much as elsewhere"
    )
    images = f"{report.num_images} image{'s' if report.num_images > 1 else ''}"
    about = f"{report.model} at scale {format_scale(report.scale)}, plain tiles, {images}"
    notes = "Lines are 95 % intervals over images. " if report.num_images > 1 else ""
    notes += (
        "Across borders and elsewhere: mean cosine distance of neighbouring cells. "
        "New edges: edges of tiles where the plain grid has none."
    )
    add_text(sheet, MARGIN, 24, title, size=20, weight="bold", va="top")
    add_text(sheet, MARGIN, 54, about, size=13, color=QUIET, va="top")
    add_text(sheet, MARGIN, height - 18, notes, size=11, color=QUIET)
    _draw_maps(sheet, report, panel_h)
    _draw_table(sheet, report, table_top)
    plot_w = width - MARGIN - PLOT_LEFT
    _draw_excess(sheet, report, Box(PLOT_LEFT, table_top - 6, plot_w, num * ROW + 6))
    return figure


def _draw_maps(sheet: Axes, report: SeamReport, panel_h: float) -> None:
    top = HEAD + NAME
    brightest = float(np.percentile(report.ways[0].disagreement, 99.5))
    box = Box(MARGIN, top, PANEL, panel_h)
    add_image(sheet, box, report.image, smooth=True)
    add_text(sheet, box.left, top - 8, "one of the images")
    for i, way in enumerate(report.ways, start=1):
        box = Box(MARGIN + i * (PANEL + GAP), top, PANEL, panel_h)
        add_image(sheet, box, way.disagreement, cmap=MAP, vmin=0, vmax=brightest)
        add_text(sheet, box.left, top - 8, _name(way, "\n"), weight="bold")
    bar = Box(MARGIN + PANEL + GAP, box.bottom + 10, PANEL, 8)
    add_image(sheet, bar, np.linspace(0, 1, 256)[None], cmap=MAP)
    scale = f"cosine distance of a cell to its neighbours, 0 to {brightest:.2g}"
    add_text(sheet, bar.right + 10, bar.middle, scale, size=11, color=QUIET, va="center")


def _draw_table(sheet: Axes, report: SeamReport, top: float) -> None:
    add_text(sheet, MARGIN, top - 12, "way of cutting", color=QUIET)
    for heading, right in COLUMNS.items():
        add_text(sheet, right, top - 12, heading, color=QUIET, ha="right")
    for i, way in enumerate(report.ways):
        times = way.num_tiles / report.ways[0].num_tiles
        cells = (
            "1, larger" if way.name == CONTROL else f"{way.num_tiles} ({times:.3g}×)",
            f"{way.seams.border:.3f}",
            f"{way.seams.interior:.3f}",
            "" if way.added_excess is None else _percent(way.added_excess),
        )
        baseline = top + (i + 0.5) * ROW + 4
        add_text(sheet, MARGIN, baseline, _name(way, ", "), weight="bold")
        for right, cell in zip(COLUMNS.values(), cells, strict=True):
            add_text(sheet, right, baseline, cell, ha="right")


def _draw_excess(sheet: Axes, report: SeamReport, plot: Box) -> None:
    """Each way's excess and its interval, on one axis beside the table."""
    ends = [end for way in report.ways for end in (*(way.excess_ci or ()), way.seams.excess)]
    low, high = min(0, *ends), max(0.5, *ends)
    room = 0.05 * (high - low)
    edges = [low - room, high + room]

    def across(*values: float) -> list[float]:
        return [float(np.interp(v, edges, [plot.left, plot.right])) for v in values]

    add_text(sheet, plot.left, plot.top - 6, "excess at the borders of the plain grid", color=QUIET)
    for tick in MaxNLocator(6, steps=[1, 2, 5, 10]).tick_values(low, high):
        if edges[0] <= tick <= edges[1]:
            x = across(tick)
            colour = INK if tick == 0 else RULE
            sheet.plot(x * 2, [plot.top, plot.bottom], color=colour, linewidth=0.8, zorder=0)
            text = "no seam" if tick == 0 else _percent(tick)
            place = {"ha": "center", "va": "top"}
            add_text(sheet, x[0], plot.bottom + 8, text, size=11, color=QUIET, **place)
    for i, way in enumerate(report.ways):
        y = plot.top + 6 + (i + 0.5) * ROW
        if way.excess_ci:
            sheet.plot(across(*way.excess_ci), [y, y], color=DOT, linewidth=1.6, alpha=0.55)
        fill = "white" if way.name == CONTROL else DOT
        sheet.plot(
            across(way.seams.excess), [y], "o", color=DOT, markersize=6.5, markerfacecolor=fill
        )


def _name(way: WaySeams, between: str) -> str:
    return f"{CONTROL} (control)" if way.name == CONTROL else way.name.replace(JOIN, between)


def _percent(excess: float) -> str:
    return f"{100 * excess:+.0f}{NBSP}%".replace("-", MINUS)
