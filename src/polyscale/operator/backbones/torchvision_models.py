"""torchvision's classifiers, up to their pooling."""

from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polyscale.errors import InputError, first_line, require
from polyscale.operator.backbones.loading import build_on_meta, check_known, check_tag, fetching
from polyscale.operator.backbones.model_backbone import Layer, ModelBackbone, Reading
from polyscale.operator.backbones.modules import is_from, uncompiled
from polyscale.operator.backbones.options import DEFAULTS, ReadOptions
from polyscale.operator.backbones.preprocessing import hw_of, read_preprocessing

HEADS = ("avgpool", "classifier", "fc", "head", "heads")
"""Where a classifier stops to tell positions apart: its features are what comes before."""


def is_torchvision(model: object) -> bool:
    """Whether it is a classifier of torchvision."""
    return is_from(model, "torchvision.models") and any(hasattr(model, name) for name in HEADS)


def adapt_torchvision(
    model: nn.Module,
    options: ReadOptions = DEFAULTS,
    *,
    name: str | None = None,
    transforms: Any = None,
) -> ModelBackbone:
    """A live torchvision classifier: its features before pooling.

    The transforms of its weights tell tile size, mean and standard deviation.

    Raises:
        InputError: if the tile size is unknown, or the options ask what it does not offer.
    """
    model = uncompiled(model)
    name = name or f"torchvision:{type(model).__name__}"
    options.refuse(
        *("layers", "norm", "output", "channels_last", "num_prefix"),
        by=f"{name}, a torchvision model",
        instead="Wrap a function that returns the features you want, for example one made by "
        "torchvision.models.feature_extraction.",
    )
    _check_classifier(model, name)
    is_vit = hasattr(model, "conv_proj")
    preprocessing = read_preprocessing(transforms)
    reading = Reading(
        name=name,
        call=_read_vit if is_vit else _read_chain,
        native_hw=hw_of(getattr(model, "image_size", None)) or preprocessing.tile_hw,
        fixed_tile=is_vit,
        num_prefix=int(is_vit),
        has_cls=is_vit,
        patch_hw=hw_of(getattr(model, "patch_size", None)) if is_vit else None,
        preprocessing=preprocessing,
    )
    return ModelBackbone(model, reading, options)


def _check_classifier(model: nn.Module, name: str) -> None:
    """Refuse torchvision's models for segmentation and for videos."""
    backbone = getattr(model, "backbone", None)
    if backbone is not None:
        outputs = list(getattr(backbone, "return_layers", {}).values())
        raise InputError(
            f"model must be a classifier, but {name} is made for segmentation. Wrap its backbone: "
            f"polyscale.wrap(model.backbone, tile_hw=…, output={(outputs or ['out'])[-1]!r})"
        )
    if any(isinstance(part, nn.Conv3d) for part in model.modules()):
        raise InputError(
            f"model must take single images, but {name} takes videos. Wrap a function that calls "
            "it with one frame and returns (tiles, dim, h, w)."
        )


def _read_chain(model: Any, tiles: Tensor) -> list[Layer]:
    """The children one after the other: how torchvision writes all its other classifiers."""
    features = model._transform_input(tiles) if hasattr(model, "_transform_input") else tiles
    for name, child in model.named_children():
        if name in HEADS:
            break
        if name.lower().startswith("aux"):  # GoogLeNet's and Inception's side exits
            continue
        for part in child if isinstance(child, nn.ModuleList) else [child]:
            features = part(features)
    if type(model).__name__ == "DenseNet":  # its last activation is in the head
        features = F.relu(features)
    return [features]


def _read_vit(model: Any, tiles: Tensor) -> list[Layer]:
    patches = model._process_input(tiles)
    tokens = torch.cat([model.class_token.expand(len(tiles), -1, -1), patches], dim=1)
    return [model.encoder(tokens)]


def load_torchvision(name: str, options: ReadOptions, *, weights: bool) -> ModelBackbone:
    """A torchvision classifier by `NAME` for its best weights, `NAME/TAG` or `NAME/PATH`."""
    require("torchvision", extra="timm", feature=f"torchvision:{name}")
    from torchvision import models

    architecture, _, tag = name.partition("/")
    check_known("torchvision", architecture, models.list_models(module=models))
    entries = models.get_model_weights(architecture)
    if tag:
        check_tag(f"torchvision:{architecture}", tag, entries.__members__)
    # a file shares the transforms of the best weights
    entry = entries[tag] if tag in entries.__members__ else entries.DEFAULT
    transforms = entry.transforms()
    # what torchvision itself builds an architecture with when it loads weights
    arguments: dict[str, Any] = {}
    if architecture in ("inception_v3", "googlenet"):  # they shift the channels themselves
        arguments = {"init_weights": False, "transform_input": True}
    elif architecture.startswith("vit_"):
        arguments = {"image_size": transforms.crop_size[0]}
    build = partial(models.get_model, architecture, weights=None, **arguments)
    model = build() if weights else build_on_meta(build)
    if weights:
        state = _state_dict(entry, tag, name)
        try:
            model.load_state_dict(state)
        except (RuntimeError, TypeError) as error:
            raise InputError(
                f"torchvision:{name}: the file must hold the state dict of the architecture, but "
                f"{first_line(error)} Check that it belongs to it."
            ) from error
    return adapt_torchvision(model, options, name=f"torchvision:{name}", transforms=transforms)


def _state_dict(entry: Any, tag: str, name: str) -> dict[str, Tensor]:
    with fetching(f"torchvision:{name}", "a file: torchvision:NAME/PATH"):
        if Path(tag).is_file():
            return torch.load(tag, map_location="cpu", weights_only=True)
        return entry.get_state_dict(progress=False, check_hash=True, weights_only=True)
