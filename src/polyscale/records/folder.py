"""The files of a run folder: what each holds, and what tells a run from any other folder."""

from pathlib import Path
from typing import Any

from polyscale.records.addons import Cascade, Control, Failure, Probes, SweetSpot, Timing
from polyscale.records.contrast import Contrast
from polyscale.records.data import ClassIous, DataRecord, Sizes
from polyscale.records.result import Result
from polyscale.records.task import TaskRecord
from polyscale.records.verdict import CostAxis, Verdict

FILES: dict[str, Any] = {
    "task.json": TaskRecord,
    "results.json": tuple[Result, ...],
    "contrasts.json": tuple[Contrast, ...],
    "verdicts.json": tuple[Verdict, ...],
    "sweet_spots.json": dict[CostAxis, tuple[SweetSpot, ...]],
    "cascades.json": tuple[Cascade, ...],
    "controls.json": tuple[Control, ...],
    "probes.json": dict[str, Probes],
    "data.json": DataRecord,
    "classes.json": ClassIous,
    "sizes.json": Sizes,
    "failures.json": tuple[Failure, ...],
    "timing.json": Timing,
}
"""The schema of each JSON file of a run; `tables` has that of the Parquet files."""

REQUIRED = ("task.json", "results.json", "contrasts.json")
"""The JSON files that a run cannot do without."""

RUN_MARKS = ("results.json", "report.html")
"""Files that every run holds. A folder with both is no data, wherever it lies."""


def is_run(folder: Path) -> bool:
    """Whether a study wrote this folder."""
    return all((folder / name).is_file() for name in RUN_MARKS)
