"""The chart as a PNG and as an SVG: one drawing, three sizes."""

from collections.abc import Sequence
from html import escape
from io import BytesIO, StringIO
from typing import Literal

from polyscale.report.chart import PT, PX_PER_INCH, chart_title, draw_chart
from polyscale.report.settings import settings
from polyscale.types import Result

Variant = Literal["wide", "narrow"]
SVG_SIZES_PX = {"wide": (960, 560), "narrow": (380, 440)}
PNG_SIZE_PX = (960, 600)
PNG_WIDTH_PX = 1600


def draw_png(results: Sequence[Result]) -> bytes:
    """The chart with its title, 1600 px wide."""
    dpi = PX_PER_INCH * PNG_WIDTH_PX / PNG_SIZE_PX[0]
    out = BytesIO()
    with settings("png"):
        figure = draw_chart(results, PNG_SIZE_PX, titled=True)
        figure.savefig(out, format="png", dpi=dpi, metadata={"Software": None})
    return out.getvalue()


def draw_svg(results: Sequence[Result], variant: Variant) -> str:
    """The chart as an `<svg>` element for a page, its text left as text.

    Args:
        results: one row a candidate.
        variant: `wide`, or `narrow` for a phone; ids differ, so that a page can hold both.
    """
    size_px = SVG_SIZES_PX[variant]
    out = StringIO()
    with settings(variant):
        figure = draw_chart(results, size_px, narrow=variant == "narrow", id_prefix=variant)
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(out, format="svg", metadata=nothing)
    # the root is written anew: without a fixed size, and with a name for screen readers
    _, _, root = out.getvalue().partition("<svg ")
    _, _, body = root.partition(">")
    width, height = (side * PT for side in size_px)
    summary = escape(f"{chart_title(results[0])}. The table of candidates holds the numbers.")
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 0 {width:g} {height:g}" class="chart {variant}" role="img" '
        f'aria-label="{summary}"><title>{summary}</title>{body}'
    )
