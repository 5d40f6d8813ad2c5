"""torchvision's classifiers, up to their pooling."""

from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polyscale.backbones.model_backbone import (
    Channels,
    ModelBackbone,
    ModelFacts,
    build_on_meta,
    freeze,
    is_from,
)
from polyscale.backbones.options import ReadOptions
from polyscale.backbones.positions import map_alone, split_tokens
from polyscale.errors import InputError, RunError, first_line, near_matches, require
from polyscale.types import HW, TileFeatures

HEADS = ("avgpool", "classifier", "fc", "head", "heads")
"""Where a classifier stops to tell positions apart: its features are what comes before."""


def is_torchvision(model: object) -> bool:
    """Whether it is a classifier of torchvision."""
    return (
        isinstance(model, nn.Module)
        and is_from(model, "torchvision.models")
        and any(name in HEADS for name, _ in model.named_children())
    )


def adapt_torchvision(
    model: nn.Module,
    options: ReadOptions | None = None,
    *,
    name: str | None = None,
    transforms: Any = None,
) -> ModelBackbone:
    """A live torchvision classifier: its features before pooling.

    Args:
        model: a class of `torchvision.models`.
        options: `tile_hw` must be among them where the model does not know its size.
        name: how results call it.
        transforms: of its weights, for tile size, mean and standard deviation.

    Raises:
        InputError: if the tile size is unknown, or the options ask what it does not offer.
    """
    options = options or ReadOptions()
    name = name or f"torchvision:{type(model).__name__}"
    options.refuse(
        *("layers", "norm", "output", "channels_last", "num_prefix"),
        by=f"{name}, a torchvision model",
        instead="Wrap a function that returns the features you want, for example one made by "
        "torchvision.models.feature_extraction.",
    )
    is_vit = hasattr(model, "conv_proj")
    tile_hw = options.tile_hw or _native_hw(model, transforms)
    if tile_hw is None:
        raise InputError(
            f"tile_hw must be given for {name}, which does not know its input size. "
            "Example: polyscale.wrap(model, tile_hw=(224, 224))"
        )
    facts = ModelFacts(
        name=name,
        tile_hw=tile_hw,
        has_cls=is_vit,
        fixed_tile=True if is_vit else None,
        mean=_channels(transforms, "mean"),
        std=_channels(transforms, "std"),
    )
    return ModelBackbone(model, partial(_read_vit, name) if is_vit else _read_chain, facts)


def _read_chain(model: Any, tiles: Tensor) -> TileFeatures:
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
    return map_alone(features)


def _read_vit(name: str, model: Any, tiles: Tensor) -> TileFeatures:
    patches = model._process_input(tiles)
    tokens = model.encoder(torch.cat([model.class_token.expand(len(tiles), -1, -1), patches], 1))
    patch = model.patch_size
    return split_tokens(
        tokens,
        num_prefix=1,
        tile_hw=tiles.shape[-2:],
        patches_hw=(tiles.shape[-2] // patch, tiles.shape[-1] // patch),
        name=name,
    )


def load_torchvision(
    name: str, *, weights: bool = True, options: ReadOptions | None = None
) -> ModelBackbone:
    """A torchvision classifier by `NAME` or `NAME/TAG`; the tag may be a file of weights.

    Args:
        name: `resnet50`, `resnet50/IMAGENET1K_V1` or `resnet50/PATH`; without a tag the best
            weights that torchvision has.
        weights: False builds the architecture alone, without memory for its parameters.
        options: how to read it.

    Raises:
        InputError: if torchvision knows no such model or weights.
        MissingExtraError: if torchvision is not installed.
        RunError: if the weights cannot be fetched.
    """
    require("torchvision", extra="timm", feature=f"torchvision:{name}")
    from torchvision import models

    architecture, _, tag = name.partition("/")
    known = models.list_models(module=models)
    if architecture not in known:
        raise InputError(
            f"torchvision knows no model {architecture!r}.{near_matches(architecture, known)} "
            "List them with: polyscale models torchvision"
        )
    entry = _entry(architecture, tag)
    transforms = entry.transforms()
    build = partial(
        models.get_model, architecture, weights=None, **_pretrained_form(architecture, transforms)
    )
    if weights:
        model = build()
        _fill(model, _state_dict(entry, tag, name), name)
    else:
        model = build_on_meta(build)
    backbone = adapt_torchvision(model, options, name=f"torchvision:{name}", transforms=transforms)
    return freeze(backbone)


def _pretrained_form(architecture: str, transforms: Any) -> dict[str, Any]:
    """What torchvision itself builds the architecture with, where it has weights to load."""
    if architecture in ("inception_v3", "googlenet"):  # they shift the channels themselves
        return {"init_weights": False, "transform_input": True}
    return {"image_size": transforms.crop_size[0]} if architecture.startswith("vit_") else {}


def _entry(architecture: str, tag: str) -> Any:
    """The weights that the tag names; the default ones for a file, whose transforms they share."""
    from torchvision import models

    entries = models.get_model_weights(architecture)
    if not tag or Path(tag).is_file():
        return entries.DEFAULT
    if tag not in entries.__members__:
        tags = list(entries.__members__)
        raise InputError(
            f"torchvision:{architecture}/TAG must name weights or a file of them, but got {tag!r}."
            f"{near_matches(tag, tags)} It has {', '.join(tags)}."
        )
    return entries[tag]


def _state_dict(entry: Any, tag: str, name: str) -> dict[str, Tensor]:
    try:
        if Path(tag).is_file():
            return torch.load(tag, map_location="cpu", weights_only=True)
        return entry.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except (OSError, UnpicklingError) as error:
        raise RunError(
            f"torchvision:{name}: the weights cannot be loaded ({first_line(error)}). Connect to "
            "the internet, or give a file: torchvision:NAME/PATH"
        ) from error


def _fill(model: nn.Module, state: dict[str, Tensor], name: str) -> None:
    try:
        model.load_state_dict(state)
    except (RuntimeError, TypeError) as error:
        raise InputError(
            f"torchvision:{name}: the file must hold the state dict of the architecture, but "
            f"{first_line(error)} Check that it belongs to it."
        ) from error


def _native_hw(model: Any, transforms: Any) -> HW | None:
    size = getattr(model, "image_size", None) or getattr(transforms, "crop_size", None)
    if isinstance(size, list | tuple):
        size = size[0]
    return (int(size), int(size)) if size else None


def _channels(transforms: Any, key: str) -> Channels | None:
    values = getattr(transforms, key, None)
    return tuple(values) if values else None
