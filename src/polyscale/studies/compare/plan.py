"""The first half of a comparison: everything is read and checked, no model runs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from polyscale.errors import InputError, require
from polyscale.features import weights_hash
from polyscale.operator.backbones import load
from polyscale.operator.multiscale import MultiScale
from polyscale.studies.compare.family import families_of
from polyscale.studies.compare.models import Candidates, check_options, name_models
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
        live: names of those that the user gave as objects, so that no name can load them.
        families: backbone → family; the models of one differ in size alone.
        weights_hashes: backbone → hash of its weights.
        facts: what the run is asked to do, as each row of its results keeps it.
        data_source: how the user named the data; None for data that were loaded before.
    """

    task: Task
    data: Any
    candidates: tuple[Candidate, ...]
    settings: RunSettings
    backbones: dict[str, Backbone]
    live: frozenset[str]
    families: dict[str, str]
    weights_hashes: dict[str, str]
    facts: dict[str, Any]
    data_source: str | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files of the run, heads aside."""
        return run_files(self.task, self.settings)


def plan_compare(
    data: Any,
    candidates: Candidates,
    settings: RunSettings | None = None,
    *,
    task: Task | str | None = None,
    family: Mapping[str, Sequence[str]] | None = None,
    image_cache: str | Path | None = None,
    progress: Progress = silent,
) -> ComparePlan:
    """Read and check everything.

    Args:
        data: a name, or data of the task that are already loaded.
        candidates: `SOURCE@SCALES`, for example `pip:efficientnet_lite0@1,2`; and live models.
        settings: everything else that the numbers depend on; None takes the task's defaults.
        task: a task or its name; None is the task whose settings these are, or classes of images.
        family: name of a family → its backbones, where their names do not tell.
        image_cache: folder for what is found in images between runs; None keeps nothing.
        progress: told what is being done.

    Raises:
        InputError: if an argument breaks its rule.
        MissingExtraError: if a package is not installed.
    """
    task = to_task(task, settings)
    settings = settings or task.settings_type()
    task = task.judged_by(settings.metric)
    data_source = data if isinstance(data, str) else None
    for package in ("sklearn", "scipy", "pyarrow"):
        require(package, extra="compare", feature="compare")
    named = name_models(candidates)
    chosen, live = named.candidates, named.live
    families = families_of(dict.fromkeys(c.backbone for c in chosen), family)
    if isinstance(data, str):
        data = task.load(data, seed=settings.seed, cache=image_cache, progress=progress)
    task.check_data(data)
    data = task.arrange(data)
    task = task.for_data(data, settings)
    backbones = {n: live[n].backbone if n in live else load(n) for n in families}
    for candidate in chosen:
        module = settings.module(backbones[candidate.backbone], candidate.scales)
        if candidate in named.configs:
            check_options(candidate, named.configs[candidate], module.config)
        check_pictures(module, candidate)
        task.check(module, candidate, data, settings)
    hashes = {n: live[n].weights if n in live else weights_hash(b) for n, b in backbones.items()}
    facts = {
        "candidates": [str(c) for c in chosen],
        "data": data.name,
        "split": data.about,
        "train_fingerprint": data.train.fingerprint,
        "test_fingerprint": data.test.fingerprint,
        "data_notes": list(data.notes),
        "weights": hashes,
        "families": {name: list(members) for name, members in (family or {}).items()} or None,
        **asdict(replace(settings, dtype=settings.precision)),
        "task": task.name,
        "metric": task.metric.key,
        "resampling": RESAMPLING,
        **task.facts(data, settings),
    }
    return ComparePlan(
        task=task,
        data=data,
        candidates=chosen,
        settings=settings,
        backbones=backbones,
        live=frozenset(live),
        families=families,
        weights_hashes=hashes,
        facts=facts,
        data_source=data_source,
    )


def check_pictures(module: MultiScale, candidate: Candidate) -> None:
    """Raise an InputError for a model that does not take RGB pictures, or whose mean is unknown."""
    if module.backbone.in_channels != 3:
        raise InputError(
            f"{candidate} must take RGB pictures, which have 3 channels, but takes "
            f"{module.backbone.in_channels}. Take a model for RGB; grey pictures become RGB."
        )
    _ = module.preprocess


def run_files(task: Task, settings: RunSettings) -> tuple[str, ...]:
    """Names of the files of a finished run of the task, heads aside."""
    addons = (f"{name}.json" for name in task.addons(settings))
    return (*FILES, task.images_file, *addons, *task.own_files())
