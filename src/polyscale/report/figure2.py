"""The paper's Figure 2, redrawn: quality against multiply-adds, for each family and task."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from polyscale.data.published import PaperRow
from polyscale.errors import InputError
from polyscale.report.files import replace_file
from polyscale.report.published import COSTED, ERRORS, PaperSides, paper_sides
from polyscale.report.series import COLOURS
from polyscale.types import format_scale

SUFFIXES = (".png", ".svg")
METRICS = {"top1": "top-1, %", "miou": "mIoU, %", "rmse": "RMSE, m (lower is better)"}
SIZE_COLOUR, SCALE_COLOUR = COLOURS[0], COLOURS[1]


def write_figure(path: Path) -> None:
    """Write the figure as PNG or SVG; the ending of the name decides.

    Raises:
        InputError: if the name ends otherwise, or the folder does not exist.
    """
    if path.suffix not in SUFFIXES:
        raise InputError(f"figure must end in .png or .svg, but got {path.name!r}.")
    if not path.parent.is_dir():
        raise InputError(f"figure must be in a folder that exists, but {path.parent} does not.")
    out = BytesIO()
    date = {"Date": None} if path.suffix == ".svg" else {"Software": None}
    draw_figure().savefig(out, format=path.suffix[1:], dpi=160, metadata=date)
    replace_file(path, out.getvalue())


def draw_figure() -> Figure:
    """One row per family, one column per task; a line for larger models, one for more scales."""
    tables = {table: paper_sides(table) for table in COSTED}
    num_families = max(len(sides) for sides in tables.values())
    figure = Figure(figsize=(11, 3 * num_families), layout="constrained")
    grid = figure.subplots(num_families, len(tables), squeeze=False)
    for column, (table, families) in enumerate(tables.items()):
        for row, sides in enumerate(families):
            _draw_panel(grid[row][column], sides, title=f"{sides.family}, {table}")
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False)
    figure.supxlabel(
        "multiply-adds for one image, 10⁹ (log scale), all counted alike by polyscale. "
        "Values: Shi et al. 2024, arXiv 2403.13043",
        fontsize=9,
    )
    return figure


def _draw_panel(axes: Axes, sides: PaperSides, *, title: str) -> None:
    _draw_curve(axes, (sides.small, *sides.s2), SCALE_COLOUR, "more scales, smallest model")
    _draw_curve(axes, (sides.small, *sides.larger), SIZE_COLOUR, "larger models, one scale")
    for row in (sides.small, *sides.larger):
        _mark(axes, row, row.model, SIZE_COLOUR, above=True)
    for row in sides.s2:
        _mark(axes, row, f"scales {_scales(row)}", SCALE_COLOUR, above=False)
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_ylabel(METRICS[sides.small.metric], fontsize=9)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.margins(x=0.16, y=0.16)
    axes.grid(color="#E3E6EA", linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    if sides.small.metric in ERRORS:
        axes.invert_yaxis()  # up is better in every panel


def _draw_curve(axes: Axes, rows: Sequence[PaperRow], colour: str, label: str) -> None:
    axes.plot(
        [_xy(row)[0] for row in rows],
        [_xy(row)[1] for row in rows],
        marker="o",
        markersize=5,
        markerfacecolor="white" if colour == SIZE_COLOUR else colour,
        linewidth=1.5,
        color=colour,
        label=label,
    )


def _mark(axes: Axes, row: PaperRow, text: str, colour: str, *, above: bool) -> None:
    axes.annotate(
        text,
        _xy(row),
        xytext=(0, 7 if above else -7),
        textcoords="offset points",
        ha="center",
        va="bottom" if above else "top",
        fontsize=7.5,
        color=colour,
        # lines pass behind the words
        bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.5},
    )


def _xy(row: PaperRow) -> tuple[float, float]:
    assert row.gmacs is not None
    assert row.value is not None
    return row.gmacs, row.value


def _scales(row: PaperRow) -> str:
    return ", ".join(format_scale(scale) for scale in row.scales)
