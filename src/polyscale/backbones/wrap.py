"""`wrap`: any model, multi-scale, in one line."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

from torch import Tensor, nn

from polyscale.backbones.callables import CallableBackbone
from polyscale.backbones.sources import load
from polyscale.backbones.timm_models import TimmBackbone
from polyscale.errors import InputError
from polyscale.multiscale import MultiScale
from polyscale.multiscale.precision import Precision
from polyscale.types import HW, Backbone, Source


def wrap(
    model: str | nn.Module | Callable[[Tensor], Any],
    scales: Sequence[float] = (1, 2, 3),
    *,
    source: Source = "native",
    tile_batch: int = 16,
    dtype: Precision = "fp32",
    tile_hw: HW | None = None,
    num_prefix: int | None = None,
) -> MultiScale:
    """Make any frozen vision model multi-scale.

    >>> import polyscale, torch
    >>> blur = torch.nn.AvgPool2d(16)
    >>> features = polyscale.wrap(blur, scales=(1, 2), tile_hw=(64, 64))(torch.rand(1, 3, 128, 128))
    >>> features.map.shape, features.pooled.shape
    (torch.Size([1, 6, 4, 4]), torch.Size([1, 6]))

    Args:
        model: a source such as `"timm:vit_small_patch16_224"`, a live timm model, a `Backbone`, or
            any callable from tiles to a map (tiles, dim, h, w) or tokens (tiles, N, dim).
        scales: sizes relative to the model's own size.
        source: what larger scales are resized from, see `MultiScale`.
        tile_batch: tiles that go through the model at once.
        dtype: what the model computes in: `"fp32"` leaves it as it is, `"bf16"` and `"fp16"` run
            it under autocast. Pooling stays in float32.
        tile_hw: the model's own size in pixels, where it cannot be read from the model.
        num_prefix: class and register tokens, for a callable that returns tokens.

    Raises:
        InputError: if an argument breaks its rule, or the model's output has no positions.
    """
    backbone = as_backbone(model, tile_hw=tile_hw, num_prefix=num_prefix)
    return MultiScale(backbone, scales, source=source, tile_batch=tile_batch, dtype=dtype)


def as_backbone(
    model: str | nn.Module | Callable[[Tensor], Any],
    *,
    tile_hw: HW | None = None,
    num_prefix: int | None = None,
) -> Backbone:
    """The adapter that fits the model.

    Raises:
        InputError: if the tile size can't be read from the model and is not given.
    """
    if isinstance(model, str):
        return load(model)
    if isinstance(model, Backbone):
        return model
    if tile_hw is None and _is_timm(model):
        assert isinstance(model, nn.Module)
        return TimmBackbone(model, name=_timm_name(model))
    if tile_hw is None:
        raise InputError(
            f"tile_hw must be given for {type(model).__name__}, whose input size can't be read. "
            "Example: polyscale.wrap(model, tile_hw=(224, 224))"
        )
    if not callable(model):
        raise InputError(f"model must be callable, but got {type(model).__name__}.")
    return CallableBackbone(model, tile_hw=tile_hw, num_prefix=num_prefix)


def _is_timm(model: object) -> bool:
    """Whether it has timm's two marks; importing timm to look would take a second."""
    return (
        find_spec("timm") is not None
        and isinstance(model, nn.Module)
        and hasattr(model, "forward_features")
        and hasattr(model, "pretrained_cfg")
    )


def _timm_name(model: nn.Module) -> str:
    config = model.pretrained_cfg
    architecture = config.get("architecture") if isinstance(config, dict) else None
    return f"timm:{architecture or type(model).__name__}"
