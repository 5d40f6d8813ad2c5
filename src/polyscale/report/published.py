"""The paper's published figures as text: its tables, and who dominates whom at equal cost."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal

from polyscale.data.published import PaperRow, load_paper
from polyscale.stats.frontier import DominanceCall, Point, dominance_calls
from polyscale.types import format_scale

COSTED = ("classification", "segmentation", "depth")
"""Tables whose rows have costs."""

ERRORS = frozenset({"rmse"})
"""Metrics of these tables of which less is better."""

HEADS = {
    "sizes_px": "sizes, px",
    "tile_px": "tile, px",
    "printed_gflops": "GFLOPs as printed",
    "gmacs": "10⁹ MACs, counted",
    "params_m": "parameters, M",
    "images_per_s": "images/s",
    "num_trials": "trials",
}
NUMBERS = frozenset(HEADS) | {"value", "scales"}
DIGITS = {"rmse": 4, "information_bits": 3, "loss": 3}
"""Decimals of a metric's values in the paper; other metrics have one."""
PaperCost = Literal["gmacs", "printed_gflops", "params_m"]


@dataclass(frozen=True, kw_only=True)
class PaperSides:
    """The two sides of the paper's comparison, for a family in one table.

    `small` and `s2` are the smallest model at one scale and at several; `larger` are the larger
    models at one scale, by number of parameters.
    """

    family: str
    s2: tuple[PaperRow, ...]
    small: PaperRow
    larger: tuple[PaperRow, ...]


@dataclass(frozen=True)
class TextTable:
    """A table as text; `numeric` says which columns hold numbers."""

    title: str
    heads: tuple[str, ...]
    numeric: tuple[bool, ...]
    cells: tuple[tuple[str, ...], ...]
    footnotes: tuple[str, ...]


def paper_sides(table: str) -> list[PaperSides]:
    """The sides of each family, in a table whose rows have costs."""
    families: dict[str, list[PaperRow]] = {}
    for row in load_paper(table):
        families.setdefault(row.family, []).append(row)
    sides = []
    for family, rows in families.items():
        single = sorted((r for r in rows if r.method == "single"), key=lambda r: r.params_m or 0)
        small = single[0]
        s2 = tuple(r for r in rows if r.model == small.model and r.method == "s2")
        larger = tuple(r for r in single if r.model != small.model)
        sides.append(PaperSides(family=family, s2=s2, small=small, larger=larger))
    return sides


def paper_calls(table: str, cost: PaperCost = "gmacs") -> dict[str, list[DominanceCall]]:
    """For each family who dominates whom: every S² point against every larger model.

    The paper gives no answers to single images, so these calls compare figures and test nothing.
    Rows without that cost or without a value are left out. `gmacs` is counted in the same way for
    all rows of a table of `COSTED`, `printed_gflops` is not.
    """
    return {
        sides.family: dominance_calls(_points(sides.s2, cost), _points(sides.larger, cost))
        for sides in paper_sides(table)
    }


def call_lines(table: str) -> list[str]:
    """Who dominates whom, one line for each S² point and larger model; empty without costs."""
    if table not in COSTED:
        return []
    return [
        f"{family}: {_call(call)}" for family, calls in paper_calls(table).items() for call in calls
    ]


def text_table(rows: Sequence[PaperRow]) -> TextTable:
    """The rows of one table, without columns that are empty throughout; notes are numbered."""
    notes = [note for note in dict.fromkeys(row.note for row in rows) if note]
    numbers = {note: str(i) for i, note in enumerate(notes, start=1)}
    columns = [f.name for f in fields(PaperRow) if f.name != "table"]
    shown = [c for c in columns if any(getattr(row, c) not in (None, (), "") for row in rows)]

    def cell(row: PaperRow, column: str) -> str:
        if column == "note":
            return numbers.get(row.note, "")
        return _value(row) if column == "value" else _cell(getattr(row, column))

    return TextTable(
        title=rows[0].table,
        heads=tuple(HEADS.get(c, c) for c in shown),
        numeric=tuple(c in NUMBERS for c in shown),
        cells=tuple(tuple(cell(row, c) for c in shown) for row in rows),
        footnotes=tuple(f"{number}: {note}" for note, number in numbers.items()),
    )


def row_name(row: PaperRow) -> str:
    """A model and its scales, for example `ViT-B/16 (1, 2)`."""
    return f"{row.model} ({', '.join(format_scale(scale) for scale in row.scales)})"


def _points(rows: Sequence[PaperRow], cost: PaperCost) -> list[Point]:
    return [
        Point(row_name(row), getattr(row, cost), -row.value if row.metric in ERRORS else row.value)
        for row in rows
        if getattr(row, cost) is not None and row.value is not None
    ]


def _call(call: DominanceCall) -> str:
    ratio = f"S² costs {call.s2.cost / call.larger.cost:.2f} × its multiply-adds"
    if call.winner:
        sides = (call.s2, call.larger) if call.winner == "s2" else (call.larger, call.s2)
        return f"{sides[0].name} dominates {sides[1].name}; {ratio}"
    better = "S²" if call.s2.value > call.larger.value else "the larger model"
    return (
        f"neither {call.s2.name} nor {call.larger.name} dominates: {better} is better and costs "
        f"more; {ratio}"
    )


def _value(row: PaperRow) -> str:
    return "" if row.value is None else f"{row.value:.{DIGITS.get(row.metric, 1)}f}"


def _cell(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(format_scale(entry) for entry in value)
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else str(value)
