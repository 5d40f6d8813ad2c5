"""Sizes into levels and tiles."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from polyscale.errors import InputError
from polyscale.types import HW, check_scales, format_scale

MAX_TILES = 4096
"""Of one image at one level; more is a slip of the pen."""


@dataclass(frozen=True)
class Level:
    """One image scale and its tiles, which form a grid of rows and columns.

    Attributes:
        scale: size relative to the base.
        image_hw: what the image is resized to, in pixels.
        tile_hw: size of each tile, in pixels.
        tops: upper edge of each row of tiles, in pixels.
        lefts: left edge of each column of tiles, in pixels.
    """

    scale: float
    image_hw: HW
    tile_hw: HW
    tops: tuple[int, ...]
    lefts: tuple[int, ...]

    @property
    def num_tiles(self) -> int:
        """Tiles of one image at this level."""
        return len(self.tops) * len(self.lefts)

    @property
    def boxes_yxyx(self) -> tuple[tuple[int, int, int, int], ...]:
        """Top, left, bottom and right edge of each tile in pixels, row by row."""
        height, width = self.tile_hw
        return tuple((y, x, y + height, x + width) for y in self.tops for x in self.lefts)


@dataclass(frozen=True)
class Plan:
    """All levels of an image, and the grid on which their features meet.

    Attributes:
        levels: one for each scale, in the order of the scales.
        grid_hw: cells of the output.
    """

    levels: tuple[Level, ...]
    grid_hw: HW

    @property
    def num_tiles(self) -> int:
        """Tiles of one image over all levels: how often the backbone runs."""
        return sum(level.num_tiles for level in self.levels)

    def __str__(self) -> str:
        lines = [
            f"scale {format_scale(level.scale)}: {level.image_hw[0]}×{level.image_hw[1]} px, "
            f"{len(level.tops)}×{len(level.lefts)} tiles of "
            f"{level.tile_hw[0]}×{level.tile_hw[1]} px"
            for level in self.levels
        ]
        grid_h, grid_w = self.grid_hw
        return "\n".join([*lines, f"{self.num_tiles} tiles → {grid_h}×{grid_w} cells"])


def plan_levels(scales: Sequence[float], tile_hw: HW) -> tuple[Level, ...]:
    """Levels whose tiles all have the native size of the backbone.

    The level of scale s is s times the tile size. Where that is not a whole number of tiles, the
    tiles overlap evenly. Below scale 1 the level is a single, smaller tile.

    >>> [level.num_tiles for level in plan_levels((1, 2, 3), (224, 224))]
    [1, 4, 9]

    Raises:
        InputError: if a scale breaks its rule or needs more than `MAX_TILES`.
    """
    levels = []
    for scale in check_scales(scales):
        if scale * scale > MAX_TILES:
            raise InputError(
                f"scale {format_scale(scale)} must need at most {MAX_TILES} tiles, but needs "
                f"{scale * scale:.3g}. Choose a smaller scale."
            )
        height, width = (max(1, round(scale * side)) for side in tile_hw)
        tile = (min(height, tile_hw[0]), min(width, tile_hw[1]))
        levels.append(
            Level(
                scale=scale,
                image_hw=(height, width),
                tile_hw=tile,
                tops=_tile_starts(height, tile[0]),
                lefts=_tile_starts(width, tile[1]),
            )
        )
    return tuple(levels)


def plan_reference_levels(
    input_size: int,
    scales: Sequence[float] | None,
    img_sizes: Sequence[int] | None,
    max_split_size: int | None,
) -> tuple[Level, ...]:
    """Levels as the reference package cuts them: size / ceil(size / max_split_size) pixels a tile.

    Args:
        input_size: side of the square input, in pixels.
        scales: sizes relative to the input; needed where `img_sizes` is not given.
        img_sizes: sizes in pixels; they win over `scales`.
        max_split_size: largest side of a tile, in pixels; the input's size where not given.

    Raises:
        InputError: if neither scales nor sizes are given, or a size is not a whole number of tiles.
    """
    if not img_sizes and scales is None:
        raise InputError("scales or img_sizes must be given. Try scales=[1, 2].")
    sizes = list(img_sizes or [int(input_size * scale) for scale in scales or ()])
    if not sizes or min(sizes) < 1:
        raise InputError(f"scales must give sizes of at least one pixel, but they give {sizes}.")
    split = max_split_size or input_size
    levels = []
    for size in sizes:
        num = math.ceil(size / split)
        if size % num:
            raise InputError(
                f"image size {size} must be a whole number of tiles, but max_split_size {split} "
                f"makes {num} × {num} of them. Choose a size that {num} divides, "
                "or use polyscale.wrap, whose tiles may overlap."
            )
        tile = size // num
        starts = tuple(range(0, size, tile))
        levels.append(Level(size / input_size, (size, size), (tile, tile), starts, starts))
    return tuple(levels)


def _tile_starts(size_px: int, tile_px: int) -> tuple[int, ...]:
    """Where tiles begin along one axis: the fewest that cover it, spread evenly."""
    num = -(-size_px // tile_px)
    if num == 1:
        return (0,)
    return tuple(round(i * (size_px - tile_px) / (num - 1)) for i in range(num))
