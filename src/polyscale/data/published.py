"""The figures that the paper published (Shi et al. 2024, arXiv 2403.13043v2), as rows.

The README beside the tables explains columns and caveats.
"""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, get_type_hints

from polyscale.errors import InputError, near_matches

TABLES = (
    "classification", "segmentation", "depth", "ablation", "multimodal", "robot", "reconstruction",
    "capacity", "pretraining",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class PaperRow:
    """One figure of the paper; None or empty where the paper gives nothing.

    Sizes and tiles are sides in pixels, scales are multiples of the tile. `printed_gflops` is the
    cost as printed, which is not counted in the same way in each row; `gmacs` are 10⁹ multiply-adds
    counted by `polyscale.operator.cost.vit_macs`.
    """

    table: str
    family: str
    model: str
    method: str
    sizes_px: tuple[int, ...]
    tile_px: int | None
    scales: tuple[float, ...]
    task: str
    metric: str
    value: float | None
    printed_gflops: float | None
    gmacs: float | None
    params_m: float | None
    images_per_s: float | None
    num_trials: int | None
    note: str


PARSE: dict[Any, Callable[[str], Any]] = {
    str: str,
    tuple[int, ...]: lambda cell: tuple(map(int, cell.split())),
    tuple[float, ...]: lambda cell: tuple(map(float, cell.split())),
    int | None: lambda cell: int(cell) if cell else None,
    float | None: lambda cell: float(cell) if cell else None,
}
"""Type of a column → what makes it of a cell."""


def load_paper(table: str | None = None) -> list[PaperRow]:
    """Rows of one table, or of all.

    Raises:
        InputError: if there is no such table.
    """
    types = get_type_hints(PaperRow)
    return [
        PaperRow(**{column: PARSE[kind](line[column]) for column, kind in types.items()})
        for name in _chosen(table)
        for line in csv.DictReader(_text(name))
    ]


def paper_csv(table: str | None = None) -> str:
    """One table, or all under one header, as they are kept.

    Raises:
        InputError: as `load_paper`.
    """
    texts = [_text(name) for name in _chosen(table)]
    return "\n".join([*texts[0], *(line for text in texts[1:] for line in text[1:])]) + "\n"


def _chosen(table: str | None) -> tuple[str, ...]:
    if table is None:
        return TABLES
    if table not in TABLES:
        raise InputError(
            f"table must be one of {', '.join(TABLES)}, but got {table!r}."
            f"{near_matches(table, TABLES)}"
        )
    return (table,)


def _text(name: str) -> list[str]:
    file = files("polyscale.data") / "paper_tables" / f"{name}.csv"
    return file.read_text(encoding="utf-8").splitlines()
