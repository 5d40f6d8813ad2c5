"""`wrap`: any model, multi-scale, in one line."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor, nn
from typing_extensions import Unpack

from polyscale.checks import check_flag
from polyscale.errors import InputError
from polyscale.operator.backbones import Layers, ReadOptions, as_backbone, is_trained
from polyscale.operator.multiscale.config import MultiScaleConfig, Options
from polyscale.operator.multiscale.module import MultiScale
from polyscale.operator.plan import scales_of
from polyscale.types import HW, Backbone, check_scales

DEFAULT_SCALES = (1, 2, 3)


def wrap(
    model: str | nn.Module | Callable[[Tensor], Any],
    scales: Sequence[float] | None = None,
    *,
    sizes: Sequence[int] | None = None,
    frozen: bool | None = None,
    tile_hw: HW | None = None,
    in_channels: int | None = None,
    num_prefix: int | None = None,
    layers: Layers = None,
    norm: bool = True,
    output: str | int | None = None,
    channels_last: bool | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    processor: Any = None,
    **options: Unpack[Options],
) -> MultiScale:
    """Make any vision model multi-scale.

    >>> import polyscale, torch
    >>> blur = torch.nn.AvgPool2d(16)
    >>> features = polyscale.wrap(blur, scales=(1, 2), tile_hw=(64, 64))(torch.rand(1, 3, 128, 128))
    >>> features.map.shape, features.pooled.shape
    (torch.Size([1, 6, 4, 4]), torch.Size([1, 6]))

    Args:
        model: a source such as `"timm:vit_small_patch16_224"`, a live model of timm, transformers,
            open_clip or torchvision, a `Backbone`, or any callable from tiles to a map (tiles,
            dim, h, w) or tokens (tiles, N, dim), alone or within a dict or tuple.
        scales: sizes relative to the model's own size (default: (1, 2, 3)).
        sizes: size of the shorter side of each scale in pixels, instead of scales.
        frozen: True freezes the model's parameters in place and keeps it in evaluation mode, also
            under `train()`. False leaves a live model as it is, and makes one that is given by its
            name trainable. None (the default) freezes a model that is given by its name, and a
            `Backbone` of which nothing is trained; it leaves a live model as it is.
        tile_hw: the model's own size in pixels, where it cannot be read from the model, or
            another size for a model that takes one.
        in_channels: channels of the images, where they cannot be read from the model.
        num_prefix: class and register tokens, where they cannot be read from the model.
        layers: layer or layers to read, 0 the first, negative from the end; several are
            concatenated along the channels. None is the model's own output.
        norm: whether the model's final norm is applied.
        output: key or index of the features, for a callable that returns several things.
        channels_last: True for a callable whose maps are (tiles, h, w, dim); False says that a
            map is meant to have another aspect than the tile.
        mean: mean of each channel for images in 0 to 1, where it cannot be read from the model.
        std: standard deviation of each channel, likewise.
        processor: an image processor to take mean and std from, instead of giving them.
        options: fields of `MultiScaleConfig`: `aspect`, `overlap`, `window`, `shifted`, `split`,
            `max_tiles`, `source`, `output_grid`, `prefix`, `merge`, `tile_batch`, `dtype`,
            `compile`, `checkpoint`, `distributed`.

    Raises:
        InputError: if an argument breaks its rule, or the model's output has no positions.
    """
    if isinstance(model, MultiScale):
        raise InputError(
            "model must be one that is not multi-scale yet, but got a MultiScale. "
            "Use ms.with_scales(…) for other scales, or wrap ms.backbone."
        )
    if scales is not None and sizes is not None:
        raise InputError(f"give either scales or sizes, but got both ({scales} and {sizes}).")
    if frozen is not None:
        check_flag("frozen", frozen)
    # all choices are checked before a model is loaded
    chosen = check_scales(DEFAULT_SCALES if scales is None else scales)
    config = MultiScaleConfig.of({**options, "scales": chosen})
    reading = ReadOptions(
        tile_hw=tile_hw,
        in_channels=in_channels,
        num_prefix=num_prefix,
        layers=layers,
        norm=norm,
        output=output,
        channels_last=channels_last,
        mean=None if mean is None else tuple(mean),
        std=None if std is None else tuple(std),
        processor=processor,
    )
    backbone = as_backbone(model, reading)
    by_name = isinstance(model, str)
    if by_name and frozen is False and isinstance(backbone, nn.Module):
        backbone.requires_grad_(True)
    if sizes is not None:
        config = replace(config, scales=scales_of(sizes, backbone.tile_hw, config.aspect))
    if frozen is None:
        frozen = by_name or (isinstance(model, Backbone) and not is_trained(model))
    return MultiScale(backbone, config=config, frozen=frozen)
