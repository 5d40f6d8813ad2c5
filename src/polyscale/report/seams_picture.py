"""Where features disagree, and how much each way of cutting leaves at tile borders."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from polyscale.records.seams import CONTROL, JOIN, SeamReport, WaySeams
from polyscale.report.numbers import MINUS, NBSP, ratio_digits
from polyscale.report.sheet import INK, QUIET, RULE, Box, Sheet
from polyscale.types import format_scale

MARGIN, PANEL, GAP = 28, 164, 14
HEAD, NAME, BETWEEN, ROW, FOOT = 88, 44, 70, 30, 62
# heading → right edge in pixels
COLUMNS = {"tiles": 345, "across borders": 450, "elsewhere": 525, "at new edges": 625}
PLOT_LEFT = 670
DOT = "#0072B2"  # Okabe and Ito's blue
MAP = "magma"  # even steps to the eye, and to colour-blind eyes


def draw_seams(report: SeamReport) -> Figure:
    """Maps of disagreement on one scale of colours, then a row a way with its excess."""
    num = len(report.ways)
    aspect = report.image.shape[0] / report.image.shape[1]
    panel_h = PANEL * aspect
    width = max(2 * MARGIN + (num + 1) * PANEL + num * GAP, 1100)
    table_top = HEAD + NAME + panel_h + BETWEEN
    sheet = Sheet.of(width, table_top + num * ROW + FOOT)
    _draw_head(sheet, report)
    _draw_maps(sheet, report, panel_h)
    _draw_table(sheet, report, table_top)
    return sheet.figure


def _draw_head(sheet: Sheet, report: SeamReport) -> None:
    plain = report.ways[0].seams
    title = (
        f"Across a tile border, neighbouring features differ "
        f"{ratio_digits(plain.excess + 1)} times as much as elsewhere"
    )
    sheet.text(MARGIN, 24, title, size=20, bold=True)
    images = f"{report.num_images} image{'s' if report.num_images > 1 else ''}"
    about = f"{report.model} at scale {format_scale(report.scale)}, plain tiles, {images}"
    sheet.text(MARGIN, 54, about, size=13, colour=QUIET)


def _draw_maps(sheet: Sheet, report: SeamReport, panel_h: float) -> None:
    top = HEAD + NAME
    brightest = float(np.percentile(report.ways[0].disagreement, 99.5))
    box = Box(MARGIN, top, PANEL, panel_h)
    sheet.picture(box, report.image, smooth=True)
    sheet.text(box.left, top - 8, "one of the images", size=12, vertical="baseline")
    for i, way in enumerate(report.ways, start=1):
        box = Box(MARGIN + i * (PANEL + GAP), top, PANEL, panel_h)
        sheet.picture(box, way.disagreement, cmap=MAP, vmin=0, vmax=brightest)
        name = _name(way, "\n")
        sheet.text(box.left, top - 8, name, size=12, bold=True, vertical="baseline")
    bar = Box(MARGIN + PANEL + GAP, box.bottom + 10, PANEL, 8)
    sheet.picture(bar, np.linspace(0, 1, 256)[None], cmap=MAP)
    words = f"cosine distance of a cell to its neighbours, 0 to {brightest:.2g}"
    sheet.text(bar.right + 10, bar.middle, words, size=11, colour=QUIET, vertical="center")


def _draw_table(sheet: Sheet, report: SeamReport, top: float) -> None:
    ends = [end for way in report.ways for end in (*(way.excess_ci or ()), way.seams.excess)]
    low, high = min(0, *ends), max(0.5, *ends)
    room = 0.05 * (high - low)
    plot = Box(PLOT_LEFT, top - 6, sheet.width - MARGIN - PLOT_LEFT, len(report.ways) * ROW + 6)
    axes = sheet.axes(plot)
    axes.set_xlim(low - room, high + room)
    axes.set_ylim(plot.bottom, plot.top)  # pixels of the sheet

    def across(value: float) -> float:
        return plot.left + (value - low + room) / (high - low + 2 * room) * plot.width

    heading = top - 12
    sheet.text(MARGIN, heading, "way of cutting", size=12, colour=QUIET, vertical="baseline")
    for words, right in COLUMNS.items():
        sheet.text(right, heading, words, size=12, colour=QUIET, align="right", vertical="baseline")
    sheet.text(
        plot.left,
        heading,
        "excess at the borders of the plain grid",
        size=12,
        colour=QUIET,
        vertical="baseline",
    )
    for tick in MaxNLocator(6, steps=[1, 2, 5, 10]).tick_values(low, high):
        if low - room <= tick <= high + room:
            axes.axvline(tick, color=INK if tick == 0 else RULE, linewidth=0.8, zorder=0)
            text = "no seam" if tick == 0 else _percent(tick)
            sheet.text(across(tick), plot.bottom + 8, text, size=11, colour=QUIET, align="center")
    for i, way in enumerate(report.ways):
        y = top + (i + 0.5) * ROW
        _draw_row(sheet, report, way, y)
        if way.excess_ci:
            axes.plot(way.excess_ci, [y, y], color=DOT, linewidth=1.6, alpha=0.55)
        fill = "white" if way.name == CONTROL else DOT
        axes.plot(way.seams.excess, y, "o", color=DOT, markersize=6.5, markerfacecolor=fill)
    notes = "Lines are 95 % intervals over images. " if report.num_images > 1 else ""
    notes += (
        "Across borders and elsewhere: mean cosine distance of neighbouring cells. "
        "New edges: of this way's tiles alone."
    )
    sheet.text(MARGIN, sheet.height - 18, notes, size=11, colour=QUIET, vertical="baseline")


def _draw_row(sheet: Sheet, report: SeamReport, way: WaySeams, y: float) -> None:
    times = way.num_tiles / report.ways[0].num_tiles
    is_control, added = way.name == CONTROL, way.added_excess
    cells = (
        "1, larger" if is_control else f"{way.num_tiles} ({times:.3g}×)",
        f"{way.seams.border:.3f}",
        f"{way.seams.interior:.3f}",
        "" if added is None else _percent(added),
    )
    baseline = y + 4
    sheet.text(MARGIN, baseline, _name(way, ", "), size=12, bold=True, vertical="baseline")
    for right, words in zip(COLUMNS.values(), cells, strict=True):
        sheet.text(right, baseline, words, size=12, align="right", vertical="baseline")


def _name(way: WaySeams, between: str) -> str:
    return f"{CONTROL} (control)" if way.name == CONTROL else way.name.replace(JOIN, between)


def _percent(excess: float) -> str:
    return f"{100 * excess:+.0f}{NBSP}%".replace("-", MINUS)
