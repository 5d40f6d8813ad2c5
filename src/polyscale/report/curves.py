"""The chart as a PNG, and as an SVG for each kind of cost: one drawing, three sizes."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from io import BytesIO, StringIO
from typing import Literal

from matplotlib.figure import Figure

from polyscale.report.chart import chart_title, draw_chart, point_places
from polyscale.report.drawing import GRID, INK, PT, PX_PER_INCH, QUIET, settings
from polyscale.report.names import COLOURS, INKS
from polyscale.report.numbers import MACS, Axis
from polyscale.report.run import Run

Variant = Literal["wide", "narrow"]
SVG_SIZES_PX = {"wide": (960, 560), "narrow": (380, 440)}
PNG_SIZE_PX = (960, 600)
PNG_WIDTH_PX = 1600

# the page's names of colours, so that the same drawing serves light and dark
CSS_COLOURS = {
    "#ffffff": "var(--paper)",
    INK: "var(--ink)",
    QUIET: "var(--quiet)",
    GRID: "var(--line)",
    **{colour.lower(): f"var(--mark-{i})" for i, colour in enumerate(COLOURS)},
    **{ink.lower(): f"var(--text-{i})" for i, ink in enumerate(INKS)},
}


@dataclass(frozen=True)
class Drawing:
    """An `<svg>` element, and where its points are: shares of the width and of the height."""

    svg: str
    places: Mapping[str, tuple[float, float]]


def draw_figure(run: Run) -> Figure:
    """The metric against multiply-adds, with its title."""
    with settings("png"):
        return draw_chart(run, PNG_SIZE_PX, alone=True)


def draw_png(run: Run) -> bytes:
    """The same, 1600 px wide."""
    dpi = PX_PER_INCH * PNG_WIDTH_PX / PNG_SIZE_PX[0]
    out = BytesIO()
    with settings("png"):
        figure = draw_chart(run, PNG_SIZE_PX, alone=True)
        figure.savefig(out, format="png", dpi=dpi, metadata={"Software": None})
    return out.getvalue()


def draw_svg(run: Run, variant: Variant, axis: Axis = MACS) -> Drawing:
    """The chart as an `<svg>` element, its text left as text; ids differ within a page."""
    size_px = SVG_SIZES_PX[variant]
    prefix = f"{axis.key}-{variant}"
    out = StringIO()
    with settings(prefix):
        figure = draw_chart(run, size_px, axis=axis, narrow=variant == "narrow", id_prefix=prefix)
        places = point_places(figure, run, axis)
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(out, format="svg", metadata=nothing)
    # the root is written anew: without a fixed size, and with a name for screen readers
    body = out.getvalue().partition("<svg ")[2].partition(">")[2]
    for colour, name in CSS_COLOURS.items():
        body = body.replace(f": {colour}", f": {name}")
    width, height = (side * PT for side in size_px)
    summary = escape(f"{chart_title(run, axis)}. The table of candidates holds the numbers.")
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 0 {width:g} {height:g}" class="chart" role="img" '
        f'aria-label="{summary}">{body}'
    )
    return Drawing(svg, places)
