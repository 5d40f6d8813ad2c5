"""The file of a head, and its backbone → what predicts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import torch

from polyscale.errors import InputError
from polyscale.features import live_hash, weights_hash
from polyscale.learning.heads.head_file import check_candidate, check_fits, load_head
from polyscale.operator.backbones import as_backbone
from polyscale.operator.multiscale import MultiScale, check_device
from polyscale.records import Result, read_json
from polyscale.tasks import Actor, DensePredictor, PooledPredictor, get_task
from polyscale.tasks.registry import heads_of
from polyscale.types import Backbone

Predictor: TypeAlias = DensePredictor | PooledPredictor | Actor


def load_predictor(file: Path | str, *, backbone: Any = None, device: str = "auto") -> Predictor:
    """Load a head that a comparison trained, and its backbone.

    Args:
        file: `heads/0.safetensors` of a run.
        backbone: where the same weights are, if not where they were at training; or the model
            itself, which is put into evaluation mode. It must be given where the comparison was of
            a live model.
        device: where both run; "auto" is cuda if there is such a device, else cpu.

    Returns:
        `predict` of a `DensePredictor` takes a picture, that of a `PooledPredictor` a list of them;
        `act` of an `Actor` takes the seeds of scenes.

    Raises:
        InputError: if the file is no head, it belongs to another candidate than the results of its
            run say, or the backbone is not the one it was trained on.
        MissingExtraError: if a package is not installed.
    """
    device = str(check_device(device))
    loaded = load_head(Path(file), heads_of)
    facts = loaded.facts
    if (candidate := _candidate_of(Path(file))) is not None:
        check_candidate(loaded, candidate)
    try:
        task = get_task(str(facts["task"]))
        settings = task.settings_type.of_head(facts, device=device)
        name, scales = str(facts["backbone"]), tuple(facts["scales"])
        task.check_head(loaded.head, facts)
    except (KeyError, TypeError) as error:
        raise InputError(
            f"head must be a file of a run, but {str(file)!r} does not say on what it was trained "
            f"({error}). Train it with polyscale compare."
        ) from error
    model = _backbone(backbone, name, facts)
    module = settings.module(model, scales)
    predictor = task.predictor(module, loaded.head, facts)
    weights = live_hash(model) if facts.get("live") else weights_hash(model)
    is_same = weights == facts.get("weights_hash")
    named = {} if is_same else {"backbone": model.name}  # the same weights may have moved
    check_fits(loaded, **named, channels=predictor.in_channels, weights_hash=weights)
    return predictor.to(torch.device(device)).eval()


def _backbone(given: Any, name: str, facts: Mapping[str, Any]) -> Backbone:
    """The model that is given, or else the one with the name."""
    if given is None and facts.get("live"):
        raise InputError(
            f"backbone must be given for this head, which was trained on {name!r}, a live model "
            "that no name can load. Give the model to load_predictor(file, backbone=model), or the "
            "folder in which you saved it to --backbone."
        )
    return given.backbone if isinstance(given, MultiScale) else as_backbone(given or name)


def _candidate_of(file: Path) -> str | None:
    """The candidate to which a file belongs, by the results of its run, if it still lies there."""
    folder = file.absolute().parent
    try:
        results = read_json(folder.parent / "results.json", tuple[Result, ...])
    except InputError:
        return None
    name = f"{folder.name}/{file.name}"
    return next((row.candidate for row in results if row.probe.get("file") == name), None)
