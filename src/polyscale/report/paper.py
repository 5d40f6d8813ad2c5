"""The paper's figures beside each other: S² against larger models, by dominance."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from polyscale.data.paper import PaperRow, load_paper
from polyscale.records import better_sign
from polyscale.stats.frontier import DominanceCall, Point, dominance_calls
from polyscale.types import format_scale

COSTED = ("classification", "segmentation", "depth")
"""Tables whose rows have costs."""

PaperCost = Literal["gmacs", "printed_gflops", "params_m"]


@dataclass(frozen=True, kw_only=True)
class PaperSides:
    """A family in one table.

    Attributes:
        family: its name.
        s2: the smallest model at several scales.
        small: the same at one.
        larger: the larger models at one scale, by parameters.
        larger_s2: larger models at several scales.
    """

    family: str
    s2: tuple[PaperRow, ...]
    small: PaperRow
    larger: tuple[PaperRow, ...]
    larger_s2: tuple[PaperRow, ...]


def paper_sides(table: str) -> list[PaperSides]:
    """Each family of a table that has costs: the small model's rows and the larger ones'."""
    rows = load_paper(table)
    return [
        _sides(family, [r for r in rows if r.family == family])
        for family in dict.fromkeys(row.family for row in rows)
    ]


def paper_calls(table: str, cost: PaperCost = "gmacs") -> dict[str, list[DominanceCall]]:
    """For each family who dominates whom, every S² point against every larger model.

    By figures alone: the paper gives no answers to single images, so nothing can be tested. Rows
    without that cost, or without a value, are left out.

    Args:
        table: one of `COSTED`.
        cost: `gmacs` is counted alike for all rows, `printed_gflops` is not.
    """
    return {
        sides.family: dominance_calls(_points(sides.s2, cost), _points(sides.larger, cost))
        for sides in paper_sides(table)
    }


def row_name(row: PaperRow) -> str:
    """`ViT-B/16 (1, 2)`: a model and its scales."""
    return f"{row.model} ({', '.join(format_scale(scale) for scale in row.scales)})"


def _sides(family: str, rows: Sequence[PaperRow]) -> PaperSides:
    small = min((r for r in rows if r.method == "single"), key=_size)
    others = [r for r in rows if r.model != small.model]
    return PaperSides(
        family=family,
        s2=tuple(r for r in rows if r.model == small.model and r.method == "s2"),
        small=small,
        larger=tuple(sorted((r for r in others if r.method == "single"), key=_size)),
        larger_s2=tuple(r for r in others if r.method == "s2"),
    )


def _size(row: PaperRow) -> float:
    return row.params_m or 0


def _points(rows: Sequence[PaperRow], cost: PaperCost) -> list[Point]:
    found = []
    for row in rows:
        price = getattr(row, cost)
        if price is not None and row.value is not None:
            found.append(Point(row_name(row), price, better_sign(row.metric) * row.value))
    return found
