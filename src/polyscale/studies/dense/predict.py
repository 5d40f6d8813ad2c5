"""A trained head, and the backbone that it was trained on, for any image."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from polyscale.backbones import load
from polyscale.errors import InputError
from polyscale.features import weights_hash
from polyscale.heads.dense.head_file import check_fits, load_head
from polyscale.heads.dense.views import ViewSettings
from polyscale.multiscale import MultiScale, check_device
from polyscale.studies.dense.outputs import Labels, Metres, Outputs
from polyscale.studies.dense.predictor import DensePredictor


@dataclass(frozen=True)
class LoadedPredictor:
    """Backbone, scales and head, with what their file says.

    Attributes:
        predictor: image → labels or metres.
        task: "segmentation" or "depth".
        class_names: in the order of the labels; empty for depth.
        range_m: nearest and farthest depth that it can say; None for segmentation.
        facts: everything else that the file keeps.
    """

    predictor: DensePredictor
    task: str
    class_names: tuple[str, ...]
    range_m: tuple[float, float] | None
    facts: Mapping[str, Any]


def load_predictor(
    file: Path, *, backbone: str | None = None, device: str = "cpu"
) -> LoadedPredictor:
    """Load a head that a comparison trained, and its backbone.

    Args:
        file: `heads/0.safetensors` of a run.
        backbone: where the same weights are, if not where they were at training.
        device: where both run.

    Raises:
        InputError: if the file is no head, or the backbone is not the one it was trained on.
        MissingExtraError: if a package is not installed.
    """
    check_device(device)
    loaded = load_head(Path(file))
    facts = loaded.facts
    try:
        source, scales = backbone or str(facts["backbone"]), tuple(facts["scales"])
        grid = facts["grid"] if isinstance(facts["grid"], str) else tuple(facts["grid"])
        views = ViewSettings(**facts["views"])
        task = facts["task"]
        class_names = () if task == "depth" else tuple(facts["class_names"])
        outputs: Outputs = Metres() if task == "depth" else Labels(len(class_names))
        options = {"source": facts["source"], "dtype": facts["dtype"], "output_grid": grid}
        options |= {name: facts[name] for name in ("merge", "split")}
    except (KeyError, TypeError) as error:
        raise InputError(
            f"head must be a file of a run, but {str(file)!r} does not say on what it was trained "
            f"({error}). Train it with polyscale compare."
        ) from error
    if class_names and len(class_names) != loaded.config["num_classes"]:
        raise InputError(
            f"head {str(file)!r} must have a name for each of its {loaded.config['num_classes']} "
            f"classes, but has {len(class_names)}. Train it with polyscale compare."
        )
    model = load(source)
    module = MultiScale(model, scales, prefix="none", **options)
    check_fits(
        loaded,
        channels=module.out_channels,
        weights_hash=weights_hash(model),
        backbone=facts["backbone"],
        scales=scales,
    )
    predictor = DensePredictor(module, loaded.head, views, outputs)
    return LoadedPredictor(
        predictor.to(torch.device(device)).eval(),
        task,
        class_names,
        (loaded.config["min_depth_m"], loaded.config["max_depth_m"]) if task == "depth" else None,
        facts,
    )
