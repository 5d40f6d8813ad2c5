"""The first half of a dense comparison: everything is read and checked, no model runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import psutil

from polyscale.backbones import load
from polyscale.data import DenseData, SegmentationData, load_depth, load_segmentation
from polyscale.errors import InputError
from polyscale.multiscale import MultiScale
from polyscale.studies.compare import check_candidates
from polyscale.studies.dense.depth import DepthTask
from polyscale.studies.dense.head_options import check_options
from polyscale.studies.dense.segmentation import SegmentationTask
from polyscale.studies.dense.settings import GIGABYTE, DenseSettings
from polyscale.studies.dense.task import DenseTask
from polyscale.studies.planned import shared_facts, weights_of
from polyscale.studies.progress import Progress, silent
from polyscale.types import Backbone, Candidate


@dataclass(frozen=True)
class DensePlan:
    """A comparison that is checked and ready to run.

    Attributes:
        data: the images and their targets.
        candidates: what is compared.
        settings: everything else.
        backbones: the models, loaded.
        facts: what the run is asked to do, as each row of its results keeps it.
    """

    data: DenseData
    candidates: tuple[Candidate, ...]
    settings: DenseSettings
    backbones: dict[str, Backbone]
    facts: dict[str, object]

    @property
    def task(self) -> DenseTask:
        """What heads learn and are judged by."""
        return _task(self.data)

    def weights(self, backbone: str) -> str:
        """The hash of its weights."""
        return weights_of(self.facts, backbone)


def plan_dense(
    data: str | DenseData,
    candidates: str | Sequence[str | Candidate],
    settings: DenseSettings,
    *,
    image_cache: Path | None = None,
    progress: Progress = silent,
) -> DensePlan:
    """Read and check everything.

    Args:
        data: what `load_segmentation` or `load_depth` takes, or data that is already loaded.
        candidates: `SOURCE@SCALES`, for example `pip:dinov2_small@1,2`.
        settings: everything else that the numbers depend on; they say the task.
        image_cache: folder for what is found in images between runs; None keeps nothing.
        progress: told what is being done.

    Raises:
        InputError: if an argument breaks its rule.
        MissingExtraError: if a package is not installed.
    """
    chosen = check_candidates(candidates)
    if isinstance(data, str):
        read = load_segmentation if settings.task == "segmentation" else load_depth
        data = read(data, seed=settings.seed, cache=image_cache, progress=progress)
    if isinstance(data, SegmentationData) != (settings.task == "segmentation"):
        raise InputError(
            f"data must be loaded for {settings.task}, but {data.name} is not. "
            f"Load it with load_{settings.task}."
        )
    if len(data.train) < 2:
        raise InputError(
            f"data {data.name} must have at least two train images, as one of them chooses among "
            "candidates, but has one. Add some."
        )
    backbones = {c.backbone: load(c.backbone) for c in chosen}
    for candidate in chosen:
        module = settings.module(backbones[candidate.backbone], candidate.scales)
        check_options(settings, module.out_channels, _task(data).head_arguments)
        _check_memory(settings, module, candidate)
    facts = shared_facts(data, chosen, settings, backbones) | {
        "train_targets": data.train.target_fingerprint,
        "test_targets": data.test.target_fingerprint,
        "features": "per scale: the map on the output grid, kept in float16",
        "judged": "test images at their own size; scores are resized to it bilinearly",
        "intervals": "95 %: percentiles of a bootstrap over test images, paired for differences, "
        "10 000 resamples",
    }
    return DensePlan(data, tuple(chosen), settings, backbones, facts)


def _check_memory(settings: DenseSettings, module: MultiScale, candidate: Candidate) -> None:
    """Refuse maps of which not even one batch can be learned from here."""
    training = settings.training or settings.kind.training
    batch = training.batch if training else 1
    shape = (*module.plan.grid_hw, module.out_channels)
    needed, there = 4 * batch * prod(shape), psutil.virtual_memory().total
    if needed > there:
        raise InputError(
            f"grid must be such that a batch of maps fits into memory, but {batch} of "
            f"{'×'.join(map(str, shape))} of {candidate} take {needed / GIGABYTE:.0f} GB, "
            f"of {there / GIGABYTE:.0f}. Take a coarser grid, fewer scales or a smaller batch."
        )


def _task(data: DenseData) -> DenseTask:
    return SegmentationTask(data) if isinstance(data, SegmentationData) else DepthTask(data)
