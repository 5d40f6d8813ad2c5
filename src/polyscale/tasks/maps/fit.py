"""A head for a candidate: fitted or trained on its maps, or on images altered at every step."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from polyscale.learning.heads.dense import Maps, Targets, TrainSettings, train_head
from polyscale.learning.heads.dense.augment import online_batches
from polyscale.learning.heads.dense.fits import Fitted
from polyscale.learning.heads.dense.train import ChosenRows, cached_batches
from polyscale.learning.training import Batches, TrainContext
from polyscale.tasks.evaluation import Case
from polyscale.tasks.maps.samples import MapSplit
from polyscale.tasks.maps.settings import MapSettings


def fit_head(
    case: Case, targets: Targets, arguments: Mapping[str, Any], *, seed: int, step: str
) -> Fitted:
    """The head of the settings for one candidate, fitted in one go or trained step by step.

    Args:
        case: the candidate, its maps, and the `MapSplit` of the run.
        targets: of the training samples, on a raster.
        arguments: what the head must know of the data.
        seed: of this training.
        step: how progress and errors call it.

    Returns:
        The head in evaluation mode, on the CPU; and how it was made, for the row of results.
    """
    settings: MapSettings = case.settings
    make = _fit if settings.is_fitted else _train
    head, facts = make(case, targets, arguments, seed=seed, step=step)
    return Fitted(head, {"head": f"{settings.head}: {settings.kind.about}", **facts})


def _fit(
    case: Case, targets: Targets, arguments: Mapping[str, Any], *, seed: int, step: str
) -> Fitted:
    """Fit the head in one go. Nothing is kept but the head."""
    settings, learn = case.settings, case.prepared.learn
    start, fit = time.perf_counter(), settings.kind.fit(**settings.head_options)
    maps, own = ChosenRows(case.train, learn), ChosenRows(targets, learn)
    head, facts = fit(maps, own, arguments, seed=seed, step=step, progress=case.progress)
    return Fitted(head, {**facts, "train_s": time.perf_counter() - start})


def _train(
    case: Case, targets: Targets, arguments: Mapping[str, Any], *, seed: int, step: str
) -> Fitted:
    """Train a head. It is kept in the store like features are.

    A training that was interrupted continues where it stopped.
    """
    settings: MapSettings = case.settings
    chosen = settings.training or settings.kind.training
    assert chosen is not None
    training = replace(chosen, seed=seed)
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
    return Fitted(head.cpu().eval(), facts)


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
