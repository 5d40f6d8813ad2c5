"""A sheet on which pictures and words are placed in pixels, from the upper left."""

from dataclasses import dataclass
from typing import Any, Literal

from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch
from numpy import ndarray

INK, QUIET, RULE = "#1d2329", "#5b6670", "#c9d0d6"
PX_PER_INCH = 96
PT = 72 / PX_PER_INCH


@dataclass(frozen=True)
class Box:
    """A place on the sheet, in pixels from its upper left."""

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


@dataclass(frozen=True)
class Sheet:
    """An empty white page.

    Attributes:
        width: in pixels, 96 an inch.
        height: in pixels.
        figure: what is drawn on.
    """

    width: float
    height: float
    figure: Figure

    @classmethod
    def of(cls, width: float, height: float) -> "Sheet":
        """A new sheet of this size, in pixels."""
        figure = Figure(figsize=(width / PX_PER_INCH, height / PX_PER_INCH), facecolor="white")
        FigureCanvasAgg(figure)
        return cls(width, height, figure)

    def axes(self, box: Box) -> Axes:
        """Axes that fill the box, without frame or ticks."""
        axes = self.figure.add_axes(
            (
                box.left / self.width,
                1 - box.bottom / self.height,
                box.width / self.width,
                box.height / self.height,
            )
        )
        axes.set_axis_off()
        return axes

    def picture(
        self,
        box: Box,
        pixels: UInt8[ndarray, "h w 3"] | Float[ndarray, "h w 3"] | Float[ndarray, "h w"],
        *,
        smooth: bool = False,
        **how: Any,
    ) -> Axes:
        """Pixels that fill the box; one unit of the axes is one pixel of theirs.

        Args:
            box: where.
            pixels: 8-bit or 0 to 1.
            smooth: for photographs; else each pixel is one square.
            how: further options of `imshow`.
        """
        axes = self.axes(box)
        height, width = pixels.shape[:2]
        axes.imshow(
            pixels,
            extent=(0, width, height, 0),
            aspect="auto",
            interpolation="antialiased" if smooth else "nearest",
            **how,
        )
        return axes

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = 12,
        colour: str = INK,
        bold: bool = False,
        align: Literal["left", "center", "right"] = "left",
        vertical: Literal["top", "center", "baseline", "bottom"] = "top",
    ) -> None:
        """Words at a point; `size` is in pixels."""
        self.figure.text(
            x / self.width,
            1 - y / self.height,
            words,
            fontsize=size * PT,
            color=colour,
            weight="bold" if bold else "normal",
            ha=align,
            va=vertical,
            linespacing=1.3,
        )

    def line(self, *points: tuple[float, float], arrow: bool = False) -> None:
        """Through points, with a head at the last one if wished."""
        x = [point[0] / self.width for point in points]
        y = [1 - point[1] / self.height for point in points]
        if arrow:
            head = FancyArrowPatch(
                (x[-2], y[-2]),
                (x[-1], y[-1]),
                transform=self.figure.transFigure,
                arrowstyle="-|>",
                mutation_scale=12,
                linewidth=0,
                color=QUIET,
                shrinkA=0,
                shrinkB=0,
            )
            self.figure.add_artist(head)
        stroke = Line2D(x, y, transform=self.figure.transFigure, color=QUIET, linewidth=1.2)
        self.figure.add_artist(stroke)
