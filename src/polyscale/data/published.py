"""The figures that the paper published (Shi et al. 2024, arXiv 2403.13043v2), as rows.

The README beside the tables explains columns and caveats.
"""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import TypeVar

from polyscale.errors import InputError, near_matches

Number = TypeVar("Number", int, float)

TABLES = (
    "classification",
    "segmentation",
    "depth",
    "ablation",
    "multimodal",
    "robot",
    "reconstruction",
    "capacity",
    "pretraining",
)


@dataclass(frozen=True, kw_only=True)
class PaperRow:
    """One figure of the paper; None or empty where the paper gives nothing.

    Attributes:
        table: name of the table in `TABLES`.
        family: how the models were pre-trained.
        model: the architecture.
        method: `single`, `s2` or a variant of S².
        sizes_px: sides of the inputs in pixels.
        tile_px: side of the tiles in pixels.
        scales: the sizes as multiples of the tile.
        task: the benchmark.
        metric: key of the metric, for example `top1`.
        value: value of the metric, as printed.
        printed_gflops: cost as printed: 10⁹ multiply-adds, not counted in the same way in each row.
        gmacs: 10⁹ multiply-adds of the backbone, counted by `polyscale.operator.cost.vit_macs`.
        params_m: millions of parameters of the backbone.
        images_per_s: images a second, as printed.
        num_trials: number of trials of a success rate.
        note: caveats.
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


def load_paper(table: str | None = None) -> list[PaperRow]:
    """Rows of one table, or of all.

    Raises:
        InputError: if there is no such table.
    """
    return [_row(line) for name in _chosen(table) for line in csv.DictReader(_text(name))]


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


def _row(line: dict[str, str]) -> PaperRow:
    return PaperRow(
        table=line["table"],
        family=line["family"],
        model=line["model"],
        method=line["method"],
        sizes_px=tuple(int(size) for size in line["sizes_px"].split()),
        tile_px=_number(line["tile_px"], int),
        scales=tuple(float(scale) for scale in line["scales"].split()),
        task=line["task"],
        metric=line["metric"],
        value=_number(line["value"], float),
        printed_gflops=_number(line["printed_gflops"], float),
        gmacs=_number(line["gmacs"], float),
        params_m=_number(line["params_m"], float),
        images_per_s=_number(line["images_per_s"], float),
        num_trials=_number(line["num_trials"], int),
        note=line["note"],
    )


def _number(text: str, kind: Callable[[str], Number]) -> Number | None:
    return kind(text) if text else None
