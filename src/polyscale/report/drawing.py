"""What all pictures share: settings of matplotlib, colours, and a sheet laid out in pixels."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from jaxtyping import Float, UInt8
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy import ndarray

FONTS = ("Inter", "Helvetica Neue", "Arial", "Liberation Sans", "DejaVu Sans")
INK, QUIET, GRID, RULE = "#1d2329", "#5b6670", "#e3e7ea", "#c9d0d6"
PX_PER_INCH = 96
PT = 72 / PX_PER_INCH


@contextmanager
def settings(salt: str) -> Iterator[None]:
    """Settings of matplotlib for one drawing, whatever the user's own are.

    Args:
        salt: what the ids in an SVG are made from, so that they are the same each time.
    """
    installed = set(font_manager.get_font_names())
    with mpl.rc_context():
        mpl.rcdefaults()
        # a sign that a font lacks, such as that of 10⁹, comes from the next: DejaVu is always there
        mpl.rcParams["font.family"] = [font for font in FONTS if font in installed]
        mpl.rcParams["svg.fonttype"] = "none"
        mpl.rcParams["svg.hashsalt"] = salt
        mpl.rcParams["text.parse_math"] = False  # names may hold a dollar sign
        mpl.rcParams["image.composite_image"] = False  # each picture keeps its own pixels
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty white figure of this size in CSS pixels, 96 an inch."""
    return Figure(figsize=(width / PX_PER_INCH, height / PX_PER_INCH), facecolor="white")


def new_sheet(width: float, height: float) -> tuple[Figure, Axes]:
    """A new figure, and axes over all of it, in pixels from the upper left."""
    figure = new_figure(width, height)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0), autoscale_on=False)
    axes.set_axis_off()
    return figure, axes


@dataclass(frozen=True)
class Box:
    """A place on a sheet, in pixels from its upper left."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Lower edge."""
        return self.top + self.height

    @property
    def middle(self) -> float:
        """Half-way down."""
        return self.top + self.height / 2

    def fit(self, aspect: float) -> "Box":
        """The largest box of this height / width inside: at the left, half-way down."""
        width = min(self.width, self.height / aspect)
        height = width * aspect
        return Box(self.left, self.middle - height / 2, width, height)


def add_image(
    sheet: Axes,
    box: Box,
    pixels: UInt8[ndarray, "h w 3"] | Float[ndarray, "h w colours"] | Float[ndarray, "h w"],
    *,
    smooth: bool = False,
    **options: Any,
) -> None:
    """Draw pixels, 8-bit or 0 to 1, so that they fill a box: `smooth`, or each as one square."""
    sheet.imshow(
        pixels,
        extent=(box.left, box.right, box.bottom, box.top),
        aspect="auto",
        interpolation="antialiased" if smooth else "nearest",
        **options,
    )


def add_text(
    sheet: Axes,
    x: float,
    y: float,
    text: str,
    *,
    size: float = 12,
    color: str = INK,
    **options: Any,
) -> None:
    """Write text on its baseline at a point; `size` is in pixels, `options` are matplotlib's."""
    sheet.text(x, y, text, fontsize=size * PT, color=color, linespacing=1.3, **options)
