"""The files of a run folder: the schema of each, and which files mark a folder as a run."""

from pathlib import Path
from typing import Any

from polyscale.records.addons import Cascade, Control, Failure, Probes, SweetSpot
from polyscale.records.arms import Arms
from polyscale.records.capacity import Capacity
from polyscale.records.data import ClassIous, DataRecord, Sizes
from polyscale.records.episodes import Episodes
from polyscale.records.hard import HardExamples
from polyscale.records.metric import TaskRecord
from polyscale.records.recommendation import Recommendation, SelectionGap
from polyscale.records.reconstruction import Reconstruction
from polyscale.records.repeats import Repeats
from polyscale.records.result import Contrast, Floor, Result
from polyscale.records.timing import Timing
from polyscale.records.verdict import CostAxis, Verdict

FILES: dict[str, Any] = {
    "task.json": TaskRecord,
    "results.json": tuple[Result, ...],
    "contrasts.json": tuple[Contrast, ...],
    "selection.json": tuple[SelectionGap, ...],
    "recommendation.json": Recommendation,
    "verdicts.json": tuple[Verdict, ...],
    "sweet_spots.json": dict[CostAxis, tuple[SweetSpot, ...]],
    "floors.json": tuple[Floor, ...],
    "cascades.json": tuple[Cascade, ...],
    "controls.json": tuple[Control, ...],
    "probes.json": dict[str, Probes],
    "repeats.json": Repeats,
    "hard.json": tuple[HardExamples, ...],
    "reconstruction.json": Reconstruction,
    "data.json": DataRecord,
    "arms.json": Arms,
    "capacity.json": Capacity,
    "episodes.json": Episodes,
    "classes.json": ClassIous,
    "sizes.json": Sizes,
    "failures.json": tuple[Failure, ...],
    "timing.json": Timing,
}
"""The schema of each JSON file of a run; `tables` has that of the Parquet files."""

REQUIRED = ("task.json", "results.json", "contrasts.json")
"""The JSON files without which a run cannot be read."""

RUN_MARKS = ("results.json", "report.html")
"""Files of every run. A folder that holds both is never taken for data."""


def is_run(folder: Path) -> bool:
    """Whether the folder is a run."""
    return all((folder / name).is_file() for name in RUN_MARKS)
