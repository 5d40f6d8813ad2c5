"""A head for a candidate: trained on its maps, or on altered images that run through it anew."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from polyscale.features import FeatureStore
from polyscale.heads.dense import Maps, Targets, train_head
from polyscale.heads.dense.augment import online_batches
from polyscale.heads.dense.cells import fit_patches
from polyscale.heads.dense.train import MapBatch, cached_batches
from polyscale.multiscale import MultiScale
from polyscale.studies.dense.lesson import Lesson
from polyscale.studies.dense.plan import DensePlan
from polyscale.studies.dense.settings import DenseSettings
from polyscale.studies.progress import Progress
from polyscale.training import Batches, TrainSettings


@dataclass(frozen=True)
class Fitted:
    """A head that has learned.

    Attributes:
        head: in evaluation mode, on the CPU.
        facts: how it was trained, as a row of results keeps it.
    """

    head: nn.Module
    facts: dict[str, object]


class ChosenMaps:
    """Some of the maps.

    Args:
        maps: all of them.
        indices: which.
    """

    def __init__(self, maps: Maps, indices: NDArray[np.int64]) -> None:
        self._maps, self._indices = maps, indices
        _, height, width, channels = maps.shape
        self.shape = (len(indices), height, width, channels)

    def __len__(self) -> int:
        return len(self._indices)

    def take(self, indices: NDArray[np.integer]) -> NDArray:
        """Of some of the chosen."""
        return self._maps.take(self._indices[indices])


class ChosenTargets:
    """The targets of the same, likewise."""

    def __init__(self, targets: Targets, indices: NDArray[np.int64]) -> None:
        self._targets, self._indices = targets, indices

    def __len__(self) -> int:
        return len(self._indices)

    def take(self, indices: NDArray[np.integer]) -> NDArray:
        """Of some of the chosen."""
        return self._targets.take(self._indices[indices])


@dataclass(frozen=True)
class Kept:
    """What is known of the samples of a lesson.

    Attributes:
        maps: of a candidate.
        targets: on a raster.
        fingerprint: changes when anything changes that either depends on.
    """

    maps: Maps
    targets: Targets
    fingerprint: str


def fit_head(
    module: MultiScale,
    lesson: Lesson,
    kept: Kept,
    plan: DensePlan,
    *,
    store: FeatureStore,
    seed: int,
    step: str,
    progress: Progress,
) -> Fitted:
    """Train the head of the plan for one candidate.

    A trained head is kept in the store like features are, and a training that was cut short goes
    on where it was.

    Args:
        module: the candidate.
        lesson: what it learns from.
        kept: maps and targets of the lesson's samples.
        plan: of the run.
        store: where checkpoints are kept.
        seed: of weights, order and dropout.
        step: how progress and errors call it.
        progress: told the steps that are done.
    """
    settings, kind = plan.settings, plan.settings.kind
    if kind.training is None:
        return _fit_patches(lesson, kept, plan, seed=seed, step=step, progress=progress)
    training = replace(settings.training or kind.training, seed=seed)
    with torch.random.fork_rng([]):
        torch.manual_seed(training.seed)
        head = kind.make(
            in_channels=module.out_channels, **plan.task.head_arguments, **settings.head_options
        )
    facts = {"head": settings.head, "config": head.config, "of": kept.fingerprint}
    fingerprint = store.key({**facts, **asdict(training), "augment": _augment(settings)})
    report = train_head(
        head,
        _batches(module, lesson, kept, plan, training),
        training,
        device=settings.device,
        dtype=settings.precision,
        checkpoint=store.folder / fingerprint / "head.safetensors",
        fingerprint=fingerprint,
        progress=progress,
        step=step,
    )
    return Fitted(
        head.cpu().eval(),
        {
            "head": f"{settings.head}: {kind.about}",
            "training": asdict(training),
            "steps": report.steps,
            "train_s": report.seconds,
            "loss": report.final_loss,
            "losses": list(report.losses),
        },
    )


def _fit_patches(
    lesson: Lesson, kept: Kept, plan: DensePlan, *, seed: int, step: str, progress: Progress
) -> Fitted:
    settings = plan.settings
    start = time.perf_counter()
    head = fit_patches(
        settings.head,
        ChosenMaps(kept.maps, lesson.learn),
        ChosenTargets(kept.targets, lesson.learn),
        seed=seed,
        step=step,
        progress=progress,
        **plan.task.head_arguments,
        **settings.head_options,
    )
    return Fitted(
        head.eval(),
        {
            "head": f"{settings.head}: {settings.kind.about}",
            "train_s": time.perf_counter() - start,
        },
    )


def _batches(
    module: MultiScale, lesson: Lesson, kept: Kept, plan: DensePlan, training: TrainSettings
) -> Batches[MapBatch]:
    settings = plan.settings
    if settings.augment is None:
        return cached_batches(
            ChosenMaps(kept.maps, lesson.learn),
            ChosenTargets(kept.targets, lesson.learn),
            batch=training.batch,
            seed=training.seed,
            device=settings.device,
        )

    def extract(images: Sequence[Image.Image]) -> Tensor:
        with torch.no_grad():
            return module(module.preprocess(list(images))).map

    return online_batches(
        plan.data.train.take(lesson.images),
        extract,
        settings.augment,
        batch=training.batch,
        seed=training.seed,
        device=settings.device,
    )


def _augment(settings: DenseSettings) -> object:
    return None if settings.augment is None else asdict(settings.augment)
