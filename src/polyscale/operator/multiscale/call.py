"""A call before it runs: which tiles in which chunks, where their features go, and their pixels."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from polyscale.errors import InputError
from polyscale.operator.multiscale.cache import ByteCache
from polyscale.operator.multiscale.config import MultiScaleConfig
from polyscale.operator.multiscale.picture import Picture
from polyscale.operator.multiscale.precision import no_autocast
from polyscale.operator.multiscale.ranks import rank_and_count
from polyscale.operator.multiscale.resize import Crop, resized_crops
from polyscale.operator.multiscale.runner import ChunkRunner
from polyscale.operator.multiscale.stream import Chunk, Part, Span, plan_chunks
from polyscale.operator.multiscale.tables import (
    Layout,
    Tables,
    chunk_tables,
    constant_tables,
    num_bytes,
)
from polyscale.operator.plan import Level, plan_levels
from polyscale.types import HW, Backbone

Tiles = Float[Tensor, "tiles channels tile_h tile_w"]

EVERYTHING = 2**62
"""Tiles of a chunk while a call is traced: all of them, as nothing can be measured."""


@dataclass(frozen=True, eq=False)
class CallPlan:
    """Everything about a call that depends on the sizes of its images alone.

    Attributes:
        parts: the images, as they are cut.
        chunks: their tiles.
        layout: of the output.
        tables: where the features of each chunk go.
    """

    parts: tuple[Part, ...]
    chunks: tuple[Chunk, ...]
    layout: Layout
    tables: Tables


_PLANS = ByteCache[CallPlan](64 * 2**20, lambda plan: num_bytes(plan.tables))


def plan_call(
    config: MultiScaleConfig,
    runner: ChunkRunner,
    sizes: Sequence[tuple[int, int, int]],
    *,
    exact: bool,
    traced: bool,
) -> CallPlan:
    """Plan a call; calls that are alike share one plan.

    Args:
        config: the choices.
        runner: of the backbone.
        sizes: number, height and width of the images of each part.
        exact: whether the features are float64; others are summed in float32.
        traced: whether the call is compiled or exported.

    Raises:
        InputError: if the images need different output grids, a level needs more than `max_tiles`,
            or the model does not take its tiles.
    """
    backbone, parts, first, grids = runner.backbone, [], 0, set()
    for num, height, width in sizes:
        levels = plan_levels(config, backbone.tile_hw, (height, width))
        grids.add(output_grid(config, backbone, (height, width), levels))
        parts.append(Part(levels, first, num))
        first += num
    if len(grids) > 1:
        shapes = " and ".join(f"{h}×{w}" for h, w in sorted(grids))
        raise InputError(
            f"images must share an output grid, but theirs are {shapes}. "
            "Set output_grid='base' or (height, width), or call once for each aspect."
        )
    grid_hw, out_prefix = grids.pop(), 0 if config.prefix == "none" else backbone.num_prefix
    tile_sizes = dict.fromkeys(level.tile_hw for part in parts for level in part.levels)
    layout = Layout(
        num_images=first,
        num_slots=len(config.scales),
        grid_hw=grid_hw,
        cells_hw=tuple((tile_hw, runner.cells_of(tile_hw)) for tile_hw in tile_sizes),
        num_prefix=backbone.num_prefix,
        prefix=config.prefix,
        out_prefix=out_prefix,
        num_tokens=out_prefix + grid_hw[0] * grid_hw[1],
    )
    tile_batch = {size: EVERYTHING if traced else runner.tile_batch(size) for size in tile_sizes}
    rank, num_ranks = rank_and_count() if config.distributed else (0, 1)

    def make() -> CallPlan:
        chunks = plan_chunks(parts, tile_batch, rank=rank, num_ranks=num_ranks)
        tables = chunk_tables(parts, chunks, layout, np.float64 if exact else np.float32)
        return CallPlan(tuple(parts), chunks, layout, tables)

    key = (tuple(parts), layout, tuple(tile_batch.items()), rank, num_ranks, exact)
    plan = _PLANS.get(key, make)
    return replace(plan, tables=constant_tables(plan.tables)) if traced else plan


def output_grid(
    config: MultiScaleConfig, backbone: Backbone, image_hw: HW, levels: Sequence[Level]
) -> HW:
    """Cells of the output for an image of this size in pixels, which is cut into these levels."""
    follows = config.output_grid == "auto" and config.aspect == "dynamic"
    if config.output_grid == "largest" or follows:
        level = max(levels, key=lambda level: level.image_hw[0] * level.image_hw[1])
    elif config.output_grid == "auto" and config.aspect == "keep":
        (level,) = plan_levels(replace(config, scales=(1,)), backbone.tile_hw, image_hw)
    elif isinstance(config.output_grid, tuple):
        return config.output_grid
    else:
        return backbone.grid_hw
    height, width = (
        max(1, round(level.image_hw[a] * backbone.grid_hw[a] / backbone.tile_hw[a])) for a in (0, 1)
    )
    return height, width


@dataclass(frozen=True, eq=False)
class Prepared:
    """A call that is ready to run, as often as wanted.

    Attributes:
        plan: of the call.
        device: where its tiles are.
        make_tiles: gives the tiles of each chunk.
    """

    plan: CallPlan
    device: torch.device
    make_tiles: Callable[[], Iterable[Tiles]]


def tile_chunks(
    plan: CallPlan,
    images: Sequence[Tensor | Picture],
    device: torch.device,
    dtype: torch.dtype,
    *,
    antialias: bool = True,
) -> Iterator[Tiles]:
    """The pixels of each chunk, made when it is due, so that never more than a chunk stands.

    Levels are resized from `images`, one for each part, and `antialias` smooths those that shrink.
    """
    cut = _Cutter(plan, images, antialias)
    for chunk in plan.chunks:
        yield cut(chunk, device, dtype)


class _Cutter:
    """Cuts tiles; of all levels only the one that the last tile came from stands ready."""

    def __init__(self, plan: CallPlan, images: Sequence[Tensor | Picture], antialias: bool) -> None:
        self._plan, self._images, self._antialias = plan, images, antialias
        self._opened = (-1, -1)
        self._crop: Crop | None = None

    def __call__(self, chunk: Chunk, device: torch.device, dtype: torch.dtype) -> Tiles:
        with no_autocast(device):
            if device.type == "cpu":  # pieces in float32 would take twice the memory of a chunk
                return torch.cat([self._cut(span).to(dtype) for span in chunk])
            return torch.cat([self._cut(span) for span in chunk]).to(device, dtype)

    def _cut(self, span: Span) -> Tiles:
        part = self._plan.parts[span.part]
        if self._crop is None or self._opened != (span.part, span.slot):
            self._crop = None  # before the next level is made
            images, level_hw = self._images[span.part], part.levels[span.slot].image_hw
            if isinstance(images, Picture):
                self._crop = images.level(level_hw, antialias=self._antialias)
            else:
                self._crop = resized_crops(images, level_hw, antialias=self._antialias)
            self._opened = (span.part, span.slot)
        start = span.first - part.first
        return self._crop(span.box_yxyx, slice(start, start + span.num))
