"""Pre-training with S² in the loop (paper, section 4.3)."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from hashlib import blake2b
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor, nn

from polyscale.data import ClassificationData, LabelledImages, TrainingData, load_training
from polyscale.errors import InputError, require
from polyscale.learning.pretraining.curve import loss_curve
from polyscale.learning.pretraining.dino import Dino
from polyscale.learning.pretraining.folder import (
    CHECKPOINT,
    MODEL,
    TENSORBOARD,
    Pretrained,
    read_pretrained,
    write_results,
)
from polyscale.learning.pretraining.model import (
    at_scales,
    build_backbone,
    image_size,
    save_backbone,
)
from polyscale.learning.pretraining.settings import PretrainSettings
from polyscale.learning.pretraining.supervised import Supervised
from polyscale.learning.pretraining.views import PretrainBatch, image_batches
from polyscale.learning.training import (
    Processes,
    TrainContext,
    TrainReport,
    check_training_folder,
    join_processes,
    train,
    training_folder,
)
from polyscale.operator.cost import count_plan
from polyscale.operator.multiscale import MultiScale
from polyscale.types import Progress, silent

Learner: TypeAlias = Supervised | Dino

HEADS = 2**32
"""Added to the seed for the initial weights of heads, so that they differ from the backbone's."""

BYTES = 7
"""Disk space, in multiples of the weights: two checkpoints with moments, and the model."""


def pretrain(
    settings: PretrainSettings,
    data: str | ClassificationData | TrainingData,
    *,
    out: str | Path,
    device: str = "auto",
    cache: str | Path | None = None,
    progress: Progress = silent,
) -> Pretrained:
    """Train a backbone from random weights.

    If a training was killed, the same call continues it, with the same result as without the
    interruption, on the CPU to the last bit. A finished training is read from its folder. Only
    training images are seen.

    Args:
        settings: of the training.
        data: images, or their source as `load_training` takes it.
        out: folder of the training: `model/`, `tensorboard/`, `results.json` with losses and
            multiply-adds, and a checkpoint while the training runs.
        device: `cpu`, `cuda` or `auto`.
        cache: folder for what is found in files, so that they are read once; None keeps nothing.
        progress: told what is being done.

    Raises:
        InputError: if `out` holds another training, naming what differs; or if settings, model and
            data do not fit.
        MissingExtraError: if a package is not installed.
        RunError: if the loss becomes NaN or infinite, or the disk is full or refuses.
    """
    for package in ("tensorboard", *(("lightly",) if settings.method == "dino" else ())):
        require(package, extra="pretrain", feature=f"pre-training with method {settings.method}")
    out, processes = Path(out), join_processes(device)
    progress = progress if processes.rank == 0 else silent
    processes.share_of(settings.batch)
    student = at_scales(build_backbone(settings), settings)
    if isinstance(data, str):
        data = load_training(
            data,
            labels=settings.method == "supervised",
            seed=settings.split_seed,
            cache=cache,
            progress=progress,
        )
    images = data.train
    if settings.method == "supervised" and len(data.class_names) < 2:
        raise InputError(
            f"data {data.name} must have at least two classes to learn from, but has "
            f"{', '.join(data.class_names) or 'none'}. Add classes, or use method dino."
        )
    facts = settings.facts() | {"images": images.fingerprint, "classes": _digest(images)}
    check_training_folder(out, facts)
    processes.wait()  # all of them have looked at the folder
    if (finished := read_pretrained(out)) is not None:
        return finished
    learner = _learner(student, settings, len(images), len(data.class_names))
    with training_folder(out, facts, BYTES * _num_bytes(learner)):
        report = _train(learner, data, settings, out, processes, progress)
        if processes.rank == 0:
            write_results(out, _result(learner, settings, report, out))
            save_backbone(learner.result.backbone, settings, out / MODEL)
            (out / CHECKPOINT).unlink(missing_ok=True)
    processes.wait()  # until the first has written it
    pretrained = read_pretrained(out)
    assert pretrained is not None
    return pretrained


def _train(
    learner: Learner,
    data: ClassificationData | TrainingData,
    settings: PretrainSettings,
    out: Path,
    processes: Processes,
    progress: Progress,
) -> TrainReport:
    backbone = learner.student.backbone
    image_hw = image_size(backbone, settings)
    batches = image_batches(data, settings, learner.areas, backbone, image_hw, processes)
    curve = loss_curve(out / TENSORBOARD, writes=processes.rank == 0)
    with curve as watch, _mixed_tiles_are_meant(settings):
        context = TrainContext(
            dtype=settings.precision,
            checkpoint=out / CHECKPOINT,
            fingerprint=data.train.fingerprint,
            progress=progress,
            step="pre-training",
            watch=watch,
            readers=settings.workers,
            processes=processes,
        )
        return train(learner, _loss, batches, settings.training(len(data.train)), context)


def _loss(learner: Learner, batch: PretrainBatch) -> Tensor:
    return learner(batch)


def _learner(
    student: MultiScale, settings: PretrainSettings, num_images: int, num_classes: int
) -> Learner:
    """Make the module that is trained; initial weights of its heads depend on the seed alone."""
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed + HEADS)
        if settings.method == "supervised":
            return Supervised(student, settings, num_classes)
        teacher = at_scales(deepcopy(student.backbone), settings, frozen=True)
        return Dino(student, teacher, settings, settings.training(num_images).steps)


def _result(
    learner: Learner, settings: PretrainSettings, report: TrainReport, out: Path
) -> Pretrained:
    student = learner.student
    forward = count_plan(student.backbone, student.plan).macs
    passes = (4 if settings.checkpoint else 3) * len(learner.areas) + learner.teacher_views
    images = report.steps * settings.batch
    return Pretrained(
        model=out / MODEL,
        losses=report.step_losses,
        steps=report.steps,
        images=images,
        forward_macs=forward,
        macs_per_image=passes * forward,
        macs=passes * forward * images,
        seconds=report.seconds,
    )


@contextmanager
def _mixed_tiles_are_meant(settings: PretrainSettings) -> Iterator[None]:
    """Do not warn that batch norms mix the tiles of a chunk if it holds all tiles of a step."""
    with warnings.catch_warnings():
        if settings.tile_batch is None:
            warnings.filterwarnings("ignore", message=".*batch norms that use the statistics")
        yield


def _digest(images: LabelledImages) -> str:
    return blake2b(images.labels.tobytes(), digest_size=8).hexdigest()


def _num_bytes(module: nn.Module) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in module.state_dict().values())
