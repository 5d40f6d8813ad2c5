"""The paper's Figure 2, redrawn: quality against multiply-adds, for each family and task."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from polyscale.data.published import PaperRow
from polyscale.report.drawing import GRID
from polyscale.report.names import COLOURS, scales_text
from polyscale.report.published import COSTED, ERRORS, PaperSides, paper_sides

YLABELS = {"top1": "top-1, %", "miou": "mIoU, %", "rmse": "RMSE, m (lower is better)"}
SIZE_COLOUR, SCALE_COLOUR = COLOURS[0], COLOURS[1]


def draw_figure2() -> Figure:
    """One row per family, one column per task; one line for larger models, one for more scales."""
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
        "multiply-adds for one image, 10⁹ (log scale), all counted in the same way by polyscale. "
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
        _mark(axes, row, f"scales {scales_text(row.scales)}", SCALE_COLOUR, above=False)
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_ylabel(YLABELS[sides.small.metric], fontsize=9)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.margins(x=0.16, y=0.16)
    axes.grid(color=GRID, linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    if sides.small.metric in ERRORS:
        axes.invert_yaxis()  # up is better in every panel


def _draw_curve(axes: Axes, rows: Sequence[PaperRow], colour: str, label: str) -> None:
    axes.plot(
        *zip(*map(_xy, rows), strict=True),
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
        # lines pass behind the text
        bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.5},
    )


def _xy(row: PaperRow) -> tuple[float, float]:
    assert row.gmacs is not None
    assert row.value is not None
    return row.gmacs, row.value
