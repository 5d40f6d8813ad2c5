"""A head for a candidate: trained on its maps, or on altered images that run through it anew."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from polyscale.learning.heads.dense import Maps, Targets, TrainSettings, train_head
from polyscale.learning.heads.dense.augment import online_batches
from polyscale.learning.heads.dense.cells import fit_patches
from polyscale.learning.heads.dense.train import cached_batches
from polyscale.learning.training import Batches, TrainContext
from polyscale.tasks.maps.samples import ChosenRows, MapSplit
from polyscale.tasks.maps.settings import MapSettings
from polyscale.tasks.task import Case


def fit_head(
    case: Case, targets: Targets, arguments: Mapping[str, Any], *, seed: int, step: str
) -> tuple[nn.Module, dict[str, Any]]:
    """Train the head of the settings for one candidate.

    A trained head is kept in the store like features are, and a training that was interrupted
    continues where it stopped.

    Args:
        case: the candidate, its maps, and the `MapSplit` of the run.
        targets: of the training samples, on a raster.
        arguments: what the head must know of the data.
        seed: of this training.
        step: how progress and errors call it.

    Returns:
        The head in evaluation mode, on the CPU; and how it was trained, for the row of results.
    """
    settings: MapSettings = case.settings
    about = {"head": f"{settings.head}: {settings.kind.about}"}
    if settings.kind.training is None:
        start = time.perf_counter()
        head = _fit_patches(case, targets, arguments, seed=seed, step=step)
        return head.eval(), {**about, "train_s": time.perf_counter() - start}
    training = replace(settings.training or settings.kind.training, seed=seed)
    with torch.random.fork_rng([]):
        torch.manual_seed(training.seed)
        options = {**arguments, **settings.head_options}
        head = settings.kind.make(in_channels=case.module.out_channels, **options)
    fingerprint = _fingerprint(case, arguments, training, head.config)
    context = TrainContext(
        device=settings.device,
        dtype=settings.precision,
        checkpoint=case.store.folder / fingerprint / "head.safetensors",
        fingerprint=fingerprint,
        progress=case.progress,
        step=step,
    )
    report = train_head(head, _batches(case, targets, training), training, context)
    facts = {
        "training": asdict(training),
        "steps": report.steps,
        "train_s": report.seconds,
        "loss": report.final_loss,
        "losses": list(report.losses),
    }
    return head.cpu().eval(), {**about, **facts}


def _fit_patches(
    case: Case, targets: Targets, arguments: Mapping[str, Any], *, seed: int, step: str
) -> nn.Module:
    settings, split = case.settings, case.prepared
    return fit_patches(
        settings.head,
        ChosenRows(case.train, split.learn),
        ChosenRows(targets, split.learn),
        seed=seed,
        step=step,
        progress=case.progress,
        **arguments,
        **settings.head_options,
    )


def _fingerprint(
    case: Case, arguments: Mapping[str, Any], training: TrainSettings, config: object
) -> str:
    """Changes with everything that a trained head depends on."""
    settings: MapSettings = case.settings
    maps_and_targets = case.store.key(
        {
            "maps": list(case.feature_keys),
            "merge": settings.merge,
            "learn": case.prepared.images.tolist(),
            "targets": case.data.train.target_fingerprint,
            "label_px": settings.label_px,
            "head_arguments": dict(arguments),
        }
    )
    augment = None if settings.augment is None else asdict(settings.augment)
    facts = {"head": settings.head, "config": config, "of": maps_and_targets}
    return case.store.key({**facts, **asdict(training), "augment": augment})


def _batches(case: Case, targets: Targets, training: TrainSettings) -> Batches:
    split: MapSplit = case.prepared
    settings: MapSettings = case.settings
    shared: Any = {"batch": training.batch, "seed": training.seed, "device": settings.device}
    if settings.augment is None:
        maps: Maps = ChosenRows(case.train, split.learn)
        return cached_batches(maps, ChosenRows(targets, split.learn), **shared)

    def extract(images: Sequence[Image.Image]) -> Tensor:
        with torch.no_grad():
            return case.module(case.module.preprocess(list(images))).map

    train = case.data.train.take(split.images)
    return online_batches(train, extract, settings.augment, **shared)
