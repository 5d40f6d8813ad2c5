"""`wrap`: any model, multi-scale, in one line."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

from torch import Tensor, nn

from polyscale.backbones.callables import adapt_callable
from polyscale.backbones.model_backbone import ModelBackbone
from polyscale.backbones.open_clip_models import adapt_open_clip, is_open_clip
from polyscale.backbones.options import Layers, ReadOptions
from polyscale.backbones.sources import load_source
from polyscale.backbones.timm_models import adapt_timm, is_timm
from polyscale.backbones.torchvision_models import adapt_torchvision, is_torchvision
from polyscale.backbones.transformers_models import adapt_transformers, is_transformers
from polyscale.errors import InputError
from polyscale.multiscale import MultiScale, MultiScaleConfig
from polyscale.plan import scales_of
from polyscale.types import HW, Backbone, check_scales

DEFAULT_SCALES = (1, 2, 3)


def wrap(
    model: str | nn.Module | Callable[[Tensor], Any],
    scales: Sequence[float] | None = None,
    *,
    sizes: Sequence[int] | None = None,
    tile_hw: HW | None = None,
    num_prefix: int | None = None,
    layers: Layers = None,
    norm: bool = True,
    output: str | int | None = None,
    channels_last: bool | None = None,
    devices: Sequence[str] | None = None,
    **choices: Any,
) -> MultiScale:
    """Make any frozen vision model multi-scale.

    >>> import polyscale, torch
    >>> blur = torch.nn.AvgPool2d(16)
    >>> features = polyscale.wrap(blur, scales=(1, 2), tile_hw=(64, 64))(torch.rand(1, 3, 128, 128))
    >>> features.map.shape, features.pooled.shape
    (torch.Size([1, 6, 4, 4]), torch.Size([1, 6]))

    Args:
        model: a source such as `"timm:vit_small_patch16_224"`, a live model of timm, transformers,
            open_clip or torchvision, a `Backbone`, or any callable from tiles to a map (tiles,
            dim, h, w) or tokens (tiles, N, dim), alone or within a dict or tuple.
        scales: sizes relative to the model's own size; (1, 2, 3) where nothing is said.
        sizes: of the shorter side in pixels, instead of scales.
        tile_hw: the model's own size in pixels, where it cannot be read from the model, or
            another size for a model that takes one.
        num_prefix: class and register tokens, where they cannot be read from the model.
        layers: layer or layers to read, 0 the first, negative from the end; several are
            concatenated along the channels. None is the model's own output.
        norm: whether the model's final norm is applied.
        output: key or index of the features, for a callable that returns several things.
        channels_last: True for a callable whose maps are (tiles, h, w, dim); False vouches for a
            map that has not the tile's aspect.
        devices: spread the tiles of a call over these, for example `["cuda:0", "cuda:1"]`.
        choices: of the operator, see `MultiScaleConfig` and `Tiling`: `aspect`, `overlap`,
            `window`, `shifted`, `split`, `max_tiles`, `source`, `output_grid`, `prefix`, `merge`,
            `tile_batch`, `dtype`, `compile`, `checkpoint`.

    Raises:
        InputError: if an argument breaks its rule, or the model's output has no positions.
    """
    if scales is not None and sizes is not None:
        raise InputError(f"give either scales or sizes, but got both ({scales} and {sizes}).")
    # choices are checked before a model is loaded
    config = MultiScaleConfig.of(
        scales=check_scales(DEFAULT_SCALES if scales is None else scales), **choices
    )
    options = ReadOptions(
        tile_hw=tile_hw,
        num_prefix=num_prefix,
        layers=layers,
        norm=norm,
        output=output,
        channels_last=channels_last,
    )
    backbone = as_backbone(model, options)
    if sizes is not None:
        config = config.with_scales(scales_of(sizes, backbone.tile_hw))
    return MultiScale(backbone, config=config, devices=devices)


FAMILIES: tuple[tuple[Callable[[object], bool], Callable[..., ModelBackbone]], ...] = (
    (is_timm, adapt_timm),
    (is_transformers, adapt_transformers),
    (is_open_clip, adapt_open_clip),
    (is_torchvision, adapt_torchvision),
)
"""How a live model is recognised, without importing its library, and what adapts it."""


def as_backbone(
    model: str | nn.Module | Callable[[Tensor], Any], options: ReadOptions | None = None
) -> Backbone:
    """The adapter that fits the model.

    Raises:
        InputError: if the tile size can't be read from the model and is not given, or the model
            does not offer what the options ask.
    """
    options = options or ReadOptions()
    if isinstance(model, str):
        return load_source(model, options)
    if isinstance(model, Backbone):
        names = [field.name for field in fields(options)]
        options.refuse(*names, by=f"{model.name}, a Backbone", instead="It says so itself.")
        return model
    adapt = next((adapt for belongs, adapt in FAMILIES if belongs(model)), adapt_callable)
    backbone = adapt(model, options)
    backbone.options = options
    return backbone
