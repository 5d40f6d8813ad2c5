"""The cost of a candidate, forecast before anything runs."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from typing_extensions import Unpack

from polyscale.errors import InputError
from polyscale.operator.backbones import load, read_size
from polyscale.operator.cost.count import count_tile, peak_bytes
from polyscale.operator.multiscale import MultiScale
from polyscale.operator.multiscale.config import Options
from polyscale.operator.plan import Level
from polyscale.types import HW, Candidate, format_scale


@dataclass(frozen=True)
class LevelForecast:
    """One scale of one image."""

    scale: float  # relative to the model's own size
    image_hw: HW  # in pixels
    num_tiles: int
    num_tokens: int  # cells and prefix tokens over all tiles
    macs: int  # multiply-adds over all tiles


@dataclass(frozen=True)
class Forecast:
    """A candidate at work, without its weights."""

    levels: tuple[LevelForecast, ...]  # one for each scale
    grid_hw: HW  # cells of the output
    dim: int  # channels of the output
    params: int  # parameters of the backbone
    param_bytes: int
    output_bytes: int  # features of the batch
    peak_bytes: int  # of live tensors for the batch, with parameters and images, in fp32
    notes: tuple[str, ...]  # what a user should know

    @property
    def num_tiles(self) -> int:
        """Tiles of one image."""
        return sum(level.num_tiles for level in self.levels)

    @property
    def num_tokens(self) -> int:
        """Tokens of one image, before pooling."""
        return sum(level.num_tokens for level in self.levels)

    @property
    def macs(self) -> int:
        """Multiply-adds of one image."""
        return sum(level.macs for level in self.levels)


def forecast(
    candidate: Candidate, *, image_hw: HW, batch: int = 1, **options: Unpack[Options]
) -> Forecast:
    """Plan a candidate on the meta device: shapes and sizes, no weights, no arithmetic.

    Args:
        candidate: a model and its scales.
        image_hw: size of the images, in pixels.
        batch: number of images at once.
        options: of the operator, for example aspect="keep"; see `MultiScaleConfig`.

    Raises:
        InputError: if there is no such model, or it doesn't take these scales or options.
    """
    backbone = load(candidate.backbone, weights=False)
    module = MultiScale(backbone, candidate.scales, **options)
    plan = module.plan_for(image_hw)
    levels = []
    for level in plan.levels:
        tile = backbone(torch.empty(1, 3, *level.tile_hw, device="meta"))
        tokens_per_tile = tile.map[0, 0].numel() + tile.prefix.shape[1]
        levels.append(
            LevelForecast(
                scale=level.scale,
                image_hw=level.image_hw,
                num_tiles=level.num_tiles,
                num_tokens=level.num_tiles * tokens_per_tile,
                macs=level.num_tiles * count_tile(backbone, level.tile_hw).macs,
            )
        )
    images = torch.empty(batch, 3, *image_hw, device="meta")
    assert isinstance(backbone, nn.Module)
    with torch.no_grad():
        output_bytes = module(images).tokens.nbytes
    return Forecast(
        levels=tuple(levels),
        grid_hw=plan.grid_hw,
        dim=module.out_channels,
        params=sum(p.numel() for p in backbone.parameters()),
        param_bytes=sum(p.nbytes for p in backbone.parameters()),
        output_bytes=output_bytes,
        peak_bytes=peak_bytes(module, images),
        notes=tuple(_notes(module, plan.levels, image_hw)),
    )


@dataclass(frozen=True)
class ModelSize:
    """A model on one tile."""

    params: int
    macs: int  # multiply-adds
    tile_hw: HW  # in pixels


def size_of(source: str) -> ModelSize:
    """The size of a model, from its architecture alone.

    Raises:
        InputError: if there is no such model, or it takes no tiles.
        MissingExtraError: if a package is not installed.
    """
    backbone = load(source, weights=False)
    assert isinstance(backbone, nn.Module)
    params = sum(p.numel() for p in backbone.parameters())
    return ModelSize(params, count_tile(backbone, backbone.tile_hw).macs, backbone.tile_hw)


def parse_hw(text: str) -> HW:
    """`448` or `1080x1920` → height and width in pixels.

    Raises:
        InputError: if it is neither.
    """
    image_hw = read_size(text)
    if image_hw is None:
        raise InputError(
            f"image size must be one number or HEIGHTxWIDTH in pixels, but got {text!r}. "
            "Example: 1080x1920"
        )
    return image_hw


def _notes(module: MultiScale, levels: Sequence[Level], image_hw: HW) -> list[str]:
    notes = [
        f"scale {format_scale(level.scale)} is larger than the image "
        f"({image_hw[0]}×{image_hw[1]} px): it looks closer, but sees no new pixels"
        for level in levels
        if level.image_hw[0] > image_hw[0] or level.image_hw[1] > image_hw[1]
    ]
    tile_h, tile_w = module.backbone.tile_hw
    if module.config.aspect == "squash" and image_hw[0] * tile_w != image_hw[1] * tile_h:
        notes.append("the image is squashed to the tile's aspect")
    return notes
