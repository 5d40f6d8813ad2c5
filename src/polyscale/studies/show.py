"""What S² does to one picture: its scales, their tiles, their features, and the fusion."""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from polyscale.errors import require
from polyscale.operator.multiscale import MultiScale
from polyscale.operator.multiscale.resize import resize
from polyscale.operator.plan import Level
from polyscale.records.shown import Shown, ShownScale
from polyscale.studies.pixels import resized, to_pixels

Map = Float[np.ndarray, "dim h w"]
Colours = Float[np.ndarray, "h w 3"]


def show(module: MultiScale, image: Image.Image) -> Shown:
    """Run a picture through the operator and keep what happens on the way.

    Each map has its own principal axes, turned (orthogonal Procrustes) towards the colours of the
    first scale on the common grid, so that like things keep like colours.

    Args:
        module: backbone and choices.
        image: the picture.

    Raises:
        InputError: if the picture needs too many tiles.
        MissingExtraError: if SciPy is not installed.
    """
    require("scipy", extra="compare", feature="show")
    from polyscale.studies.colours import principal_axes, to_unit, turn_towards

    image = image.convert("RGB")
    levels = module.plan_for((image.height, image.width)).levels
    with torch.inference_mode():
        features = module(module.preprocess([image]))
        stitched = [_stitched(module, scale, image) for scale in module.scales]
    pooled = [_as_numpy(level.map) for level in features.scales]
    fused = _as_numpy(features.map)

    like = _cells(pooled[0]) @ principal_axes(_cells(stitched[0]))

    def coloured(fitted: Map, *shown: Map) -> list[Colours]:
        """Maps as colours of the principal axes of the first, turned towards the first scale."""
        axes = principal_axes(_cells(fitted))
        axes = axes @ turn_towards(_cells(shown[-1]) @ axes, like)
        return [to_unit(_cells(map_) @ axes).reshape(*map_.shape[1:], 3) for map_ in shown]

    scales = []
    for level, own_grid, on_grid in zip(levels, stitched, pooled, strict=True):
        own_grid_rgb, on_grid_rgb = coloured(own_grid, own_grid, on_grid)
        scales.append(
            ShownScale(
                scale=level.scale,
                image=_resized(module, level, image),
                tile_hw=level.tile_hw,
                boxes_yxyx=level.boxes_yxyx,
                stitched=own_grid,
                stitched_rgb=own_grid_rgb,
                pooled_rgb=on_grid_rgb,
            )
        )
    (fused_rgb,) = coloured(fused, fused)
    return Shown(
        model=module.backbone.name,
        dim=features.dim,
        image=np.asarray(image),
        scales=tuple(scales),
        fused=fused,
        fused_rgb=fused_rgb,
    )


def _stitched(module: MultiScale, scale: float, image: Image.Image) -> Map:
    """Features of one scale at its own resolution."""
    config = replace(module.config, scales=(scale,), output_grid="largest")
    module = MultiScale(module.backbone, config=config)
    return _as_numpy(module(module.preprocess([image])).map)


def _resized(module: MultiScale, level: Level, image: Image.Image) -> UInt8[np.ndarray, "h w 3"]:
    """The picture as the backbone's tiles are cut from it."""
    if module.config.source == "base":
        return to_pixels(resize(resized(image, module.backbone.tile_hw), level.image_hw))
    return to_pixels(resized(image, level.image_hw))


def _as_numpy(maps: Float[Tensor, "1 dim h w"]) -> Map:
    return maps[0].float().cpu().numpy()


def _cells(map_: Map) -> Float[np.ndarray, "cells dim"]:
    return map_.reshape(len(map_), -1).T.astype(np.float64)
