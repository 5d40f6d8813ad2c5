"""The first half of a comparison: everything is read and checked, no model runs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from polyscale.errors import InputError, require
from polyscale.features import weights_hash
from polyscale.operator.backbones import load
from polyscale.studies.run_folder import FILES
from polyscale.tasks import RunSettings, Task, to_task
from polyscale.types import Backbone, Candidate, Progress, silent

RESAMPLING = (
    "bicubic, antialiased where it shrinks, squashed to the tile's aspect; "
    "JPEGs that are much larger are decoded at a half, a quarter or an eighth"
)


@dataclass(frozen=True)
class ComparePlan:
    """A comparison that is checked and ready to run.

    Attributes:
        task: what heads learn, and how they are judged.
        data: the images and their targets.
        candidates: what is compared.
        settings: everything else.
        backbones: the models, loaded.
        weights_hashes: backbone → hash of its weights.
        facts: what the run is asked to do, as each row of its results keeps it.
        data_source: how the user named the data; None for data that were loaded before.
    """

    task: Task
    data: Any
    candidates: tuple[Candidate, ...]
    settings: RunSettings
    backbones: dict[str, Backbone]
    weights_hashes: dict[str, str]
    facts: dict[str, Any]
    data_source: str | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files of the run, heads aside."""
        return run_files(self.task, self.settings)


def plan_compare(
    data: Any,
    candidates: str | Sequence[str | Candidate],
    settings: RunSettings | None = None,
    *,
    task: Task | str | None = None,
    image_cache: Path | None = None,
    progress: Progress = silent,
) -> ComparePlan:
    """Read and check everything.

    Args:
        data: a name, or data of the task that are already loaded.
        candidates: `SOURCE@SCALES`, for example `pip:efficientnet_lite0@1,2`.
        settings: everything else that the numbers depend on; None takes the task's defaults.
        task: a task or its name; None is the task whose settings these are, or classes of images.
        image_cache: folder for what is found in images between runs; None keeps nothing.
        progress: told what is being done.

    Raises:
        InputError: if an argument breaks its rule.
        MissingExtraError: if a package is not installed.
    """
    task = to_task(task, settings)
    settings = settings or task.settings_type()
    chosen = _check_candidates(candidates)
    data_source = data if isinstance(data, str) else None
    if isinstance(data, str):
        data = task.load(data, seed=settings.seed, cache=image_cache, progress=progress)
    task.check_data(data)
    backbones = {c.backbone: load(c.backbone) for c in chosen}
    for candidate in chosen:
        module = settings.module(backbones[candidate.backbone], candidate.scales)
        task.check(module, candidate, data, settings)
    hashes = {name: weights_hash(backbone) for name, backbone in backbones.items()}
    facts = {
        "candidates": [str(c) for c in chosen],
        "data": data.name,
        "split": data.about,
        "train_fingerprint": data.train.fingerprint,
        "test_fingerprint": data.test.fingerprint,
        "data_notes": list(data.notes),
        "weights": hashes,
        **asdict(replace(settings, dtype=settings.precision)),
        "task": task.name,
        "resampling": RESAMPLING,
        **task.facts(data, settings),
    }
    return ComparePlan(task, data, tuple(chosen), settings, backbones, hashes, facts, data_source)


def _check_candidates(candidates: str | Sequence[str | Candidate]) -> list[Candidate]:
    """Candidates as the user wrote them → candidates, each different."""
    for package in ("sklearn", "scipy", "statsmodels", "pyarrow"):
        require(package, extra="compare", feature="compare")
    if isinstance(candidates, str):
        candidates = [candidates]
    parsed = [Candidate.parse(c) if isinstance(c, str) else c for c in candidates]
    if not parsed:
        raise InputError(
            "candidates must hold at least one, but is empty. "
            "Example: pip:efficientnet_lite0@1 pip:efficientnet_lite0@1,2"
        )
    names = [str(candidate) for candidate in parsed]
    for candidate in names:
        if names.count(candidate) > 1:
            raise InputError(f"candidates must differ, but {candidate} is given twice.")
    return parsed


def run_files(task: Task, settings: RunSettings) -> tuple[str, ...]:
    """Names of the files of a finished run of the task, heads aside."""
    addons = (f"{name}.json" for name in task.addons(settings))
    return (*FILES, task.images_file, *addons, *task.own_files())
