"""The paper's tables as text: cells, footnotes and calls."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from polyscale.data.paper import PaperRow
from polyscale.report.paper import COSTED, paper_calls
from polyscale.stats.frontier import DominanceCall
from polyscale.types import format_scale

HEADS = {
    "sizes_px": "sizes, px",
    "tile_px": "tile, px",
    "printed_gflops": "GFLOPs as printed",
    "gmacs": "10⁹ MACs, counted",
    "params_m": "parameters, M",
    "images_per_s": "images/s",
    "num_trials": "trials",
}
DIGITS = {"rmse": 4, "information_bits": 3, "loss": 3}
"""Of a metric's values, as the paper prints them; of the others one."""
NUMBERS = frozenset(HEADS) | {"value", "scales"}


@dataclass(frozen=True)
class TextTable:
    """A table in words; `numeric` says which columns hold numbers."""

    title: str
    heads: tuple[str, ...]
    numeric: tuple[bool, ...]
    cells: tuple[tuple[str, ...], ...]
    footnotes: tuple[str, ...]


def text_table(rows: Sequence[PaperRow]) -> TextTable:
    """The rows of one table; columns that are empty throughout are left out, notes numbered."""
    notes = [note for note in dict.fromkeys(row.note for row in rows) if note]
    columns = [f.name for f in fields(PaperRow) if f.name not in ("table", "note")]
    shown = [c for c in columns if any(getattr(row, c) not in (None, (), "") for row in rows)]
    return TextTable(
        title=rows[0].table,
        heads=(*(HEADS.get(c, c) for c in shown), *(["note"] if notes else [])),
        numeric=(*(c in NUMBERS for c in shown), *([False] if notes else [])),
        cells=tuple(
            (
                *(_value(row) if c == "value" else _cell(getattr(row, c)) for c in shown),
                *([str(notes.index(row.note) + 1) if row.note else ""] if notes else []),
            )
            for row in rows
        ),
        footnotes=tuple(f"{i}: {note}" for i, note in enumerate(notes, start=1)),
    )


def call_lines(table: str) -> list[str]:
    """Who dominates whom, a line for each S² point and larger model; none without costs."""
    if table not in COSTED:
        return []
    return [
        f"{family}: {_call(call)}" for family, calls in paper_calls(table).items() for call in calls
    ]


def _call(call: DominanceCall) -> str:
    ratio = f"S² costs {call.s2.cost / call.larger.cost:.2f} × its multiply-adds"
    if call.winner == "s2":
        return f"{call.s2.name} dominates {call.larger.name}; {ratio}"
    if call.winner == "larger":
        return f"{call.larger.name} dominates {call.s2.name}; {ratio}"
    better = "S²" if call.s2.value > call.larger.value else "the larger model"
    return f"neither {call.s2.name} nor {call.larger.name}: {better} is better and dearer; {ratio}"


def _value(row: PaperRow) -> str:
    return "" if row.value is None else f"{row.value:.{DIGITS.get(row.metric, 1)}f}"


def _cell(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(format_scale(entry) for entry in value)
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else str(value)
