"""The trained backbone: built by timm with random weights, and saved in timm's format."""

from pathlib import Path
from typing import Any

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from polyscale.errors import InputError, first_line, require
from polyscale.features import whole_folder
from polyscale.learning.pretraining.settings import PretrainSettings
from polyscale.operator.backbones import ModelBackbone, ReadOptions, adapt_timm
from polyscale.operator.backbones.loading import check_known
from polyscale.operator.backbones.timm_models import SAFE_TIMM, timm_preprocessing
from polyscale.operator.multiscale import MultiScale
from polyscale.types import HW, Backbone

CHANNELS = (1, 3)
"""Allowed numbers of channels of images: grey or RGB."""

ALL_TILES = 2**31
"""A chunk that holds all tiles of a step."""


def build_backbone(settings: PretrainSettings) -> ModelBackbone:
    """Build the model with random weights, which depend on the seed alone.

    Raises:
        InputError: if timm has no such model, or it does not take these arguments or tiles.
        MissingExtraError: if timm is not installed.
    """
    require("timm", extra="timm", feature=f"pre-training {settings.model}", at_least=SAFE_TIMM)
    import timm

    check_known("timm", settings.model.partition(".")[0], timm.list_models())
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        try:
            model = timm.create_model(settings.model, num_classes=0, **settings.model_args)
        except Exception as error:  # models raise whatever their parts do
            raise InputError(
                f"model_args must be arguments with which timm makes {settings.model}, but got "
                f"{dict(settings.model_args)!r} ({first_line(error)}). Correct them."
            ) from error
    tile_hw = (settings.tile_px, settings.tile_px) if settings.tile_px else None
    backbone = adapt_timm(model, ReadOptions(tile_hw=tile_hw))
    if backbone.in_channels not in CHANNELS:
        raise InputError(
            f"in_chans of model_args must be 1 for grey images or 3 for RGB, but {settings.model} "
            f"takes {backbone.in_channels}."
        )
    if backbone.mean is None or backbone.std is None:  # timm has them only for RGB
        rgb = timm_preprocessing(model)
        backbone.mean, backbone.std = ((sum(c or (0.5,) * 3) / 3,) for c in (rgb.mean, rgb.std))
    return backbone


def at_scales(
    backbone: Backbone, settings: PretrainSettings, *, frozen: bool = False
) -> MultiScale:
    """Wrap the backbone in the operator, as it sees images in training.

    Raises:
        InputError: if it does not take tiles of these scales, or cannot be checkpointed.
    """
    assert isinstance(backbone, ModelBackbone)
    norms = [m for m in backbone.modules() if isinstance(m, _BatchNorm)]
    if settings.checkpoint and norms:
        raise InputError(
            f"checkpoint must be False for {settings.model}, whose batch norms would count each "
            "step twice, but got True. Lower batch instead, or use more processes."
        )
    return MultiScale(
        backbone,
        settings.scales,
        source=settings.source,
        checkpoint=settings.checkpoint,
        tile_batch=settings.tile_batch or ALL_TILES,
        frozen=frozen,
    )


def image_size(backbone: Backbone, settings: PretrainSettings) -> HW:
    """Height and width of the operator's input, in pixels: as large as its largest scale needs."""
    largest = max(1, *settings.scales) if settings.source == "native" else 1
    height, width = backbone.tile_hw
    return round(height * largest), round(width * largest)


def save_backbone(backbone: Backbone, settings: PretrainSettings, folder: Path) -> None:
    """Write a folder that `timm:FOLDER` loads, with the size of its tiles and its channels."""
    from timm.models import save_for_hf

    assert isinstance(backbone, ModelBackbone)
    model: Any = backbone.model
    with whole_folder(folder) as partial:
        save_for_hf(
            model.cpu(),
            str(partial),
            model_args=dict(settings.model_args),
            safe_serialization=True,
            data_config={
                "input_size": (backbone.in_channels, *backbone.tile_hw),
                "mean": backbone.mean,
                "std": backbone.std,
            },
        )
