"""Sizes into levels and tiles."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from polyscale.errors import InputError
from polyscale.plan.tiling import Tiling, Window
from polyscale.types import HW, format_scale


@dataclass(frozen=True)
class TileGrid:
    """Rows and columns of tiles.

    Attributes:
        tops: upper edge of each row, in pixels.
        lefts: left edge of each column, in pixels.
    """

    tops: tuple[int, ...]
    lefts: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.tops) * len(self.lefts)


@dataclass(frozen=True)
class Level:
    """One image scale and its tiles.

    Attributes:
        scale: size relative to the model's own.
        image_hw: what the image is resized to, in pixels.
        tile_hw: size of each tile, in pixels. Tiles may reach over the lower and right edge of the
            image; what lies there is padding, which is never pooled.
        grids: usually one; a second one is averaged with the first.
        window: weights where tiles overlap.
    """

    scale: float
    image_hw: HW
    tile_hw: HW
    grids: tuple[TileGrid, ...]
    window: Window = "uniform"

    @property
    def num_tiles(self) -> int:
        """Tiles of one image at this level."""
        return sum(map(len, self.grids))

    @property
    def canvas_hw(self) -> HW:
        """The image with its padding, in pixels."""
        return (
            max(grid.tops[-1] for grid in self.grids) + self.tile_hw[0],
            max(grid.lefts[-1] for grid in self.grids) + self.tile_hw[1],
        )

    @property
    def boxes_yxyx(self) -> tuple[tuple[int, int, int, int], ...]:
        """Top, left, bottom and right edge of each tile in pixels, grid by grid, row by row."""
        height, width = self.tile_hw
        return tuple(
            (y, x, y + height, x + width) for g in self.grids for y in g.tops for x in g.lefts
        )


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
        lines = [_describe(level) for level in self.levels]
        grid_h, grid_w = self.grid_hw
        return "\n".join([*lines, f"{self.num_tiles} tiles → {grid_h}×{grid_w} cells"])


def plan_levels(tiling: Tiling, tile_hw: HW, image_hw: HW | None = None) -> tuple[Level, ...]:
    """The levels of an image.

    Tiles have the model's own size. Where a level is not a whole number of tiles, they overlap
    evenly. Below scale 1 a level is a single, smaller tile.

    >>> [level.num_tiles for level in plan_levels(Tiling(scales=(1, 2, 3)), (224, 224))]
    [1, 4, 9]

    Args:
        tiling: the choices.
        tile_hw: the model's own size, in pixels.
        image_hw: size of the image, in pixels; of no matter for aspect "squash".

    Raises:
        InputError: if a level needs more tiles than `max_tiles`.
    """
    image_hw = image_hw or tile_hw
    return tuple(_plan_level(scale, tiling, tile_hw, image_hw) for scale in tiling.scales)


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
        grid = TileGrid(starts, starts)
        levels.append(Level(size / input_size, (size, size), (tile, tile), (grid,)))
    return tuple(levels)


def _plan_level(scale: float, tiling: Tiling, tile_hw: HW, image_hw: HW) -> Level:
    size_hw = _level_size(scale, tiling, tile_hw, image_hw)
    if tiling.aspect == "pad" and tiling.split:
        tile = (
            min(tile_hw[0], _side(scale, tile_hw[0])),
            min(tile_hw[1], _side(scale, tile_hw[1])),
        )
    elif tiling.split:
        tile = (min(size_hw[0], tile_hw[0]), min(size_hw[1], tile_hw[1]))
    else:
        tile = size_hw
    starts = [_tile_starts(size_hw[a], tile[a], tiling) for a in (0, 1)]
    grids = [TileGrid(*starts)]
    if tiling.shifted and len(grids[0]) > 1:
        grids.append(TileGrid(*(_shifted(starts[a]) for a in (0, 1))))
    level = Level(scale, size_hw, tile, tuple(grids), tiling.window)
    if level.num_tiles > tiling.max_tiles:
        raise InputError(
            f"scale {format_scale(scale)} must need at most max_tiles={tiling.max_tiles} tiles, "
            f"but needs {level.num_tiles} for an image of {image_hw[0]}×{image_hw[1]} px. "
            "Raise max_tiles, or leave the scale out."
        )
    return level


def _level_size(scale: float, tiling: Tiling, tile_hw: HW, image_hw: HW) -> HW:
    height, width = (_side(scale, side) for side in tile_hw)
    if tiling.aspect == "squash":
        return height, width
    # how much wider than the tile's aspect the image is
    ratio = (image_hw[1] * tile_hw[0]) / (image_hw[0] * tile_hw[1])
    if tiling.aspect == "pad":
        factor = min(height / image_hw[0], width / image_hw[1])
        return max(1, round(image_hw[0] * factor)), max(1, round(image_hw[1] * factor))
    if scale < 1:
        return height, width
    wanted = max(ratio, 1 / ratio)
    short, long = math.ceil(scale), round(scale * wanted)
    if short * max(short, long) > tiling.max_tiles:
        short, long = _grid_within(tiling.max_tiles, short, wanted)
        height, width = short * tile_hw[0], short * tile_hw[1]
    if long <= short:
        return height, width
    return (height, long * tile_hw[1]) if ratio >= 1 else (long * tile_hw[0], width)


def _grid_within(max_tiles: int, max_short: int, wanted: float) -> tuple[int, int]:
    """Whole tiles along the shorter and the longer side: the nearest aspect, then the finest."""
    grids = (
        (short, long)
        for short in range(1, max_short + 1)
        for long in range(short, max_tiles // short + 1)
    )
    return min(grids, key=lambda g: (abs(math.log(g[1] / g[0] / wanted)), -g[0] * g[1]))


def _tile_starts(size_px: int, tile_px: int, tiling: Tiling) -> tuple[int, ...]:
    """Where tiles begin along one axis: the fewest that cover it, spread evenly."""
    if size_px <= tile_px:
        return (0,)
    stride = tile_px * (1 - tiling.overlap)
    num = math.ceil((size_px - tile_px) / stride - 1e-9) + 1
    if tiling.aspect == "pad" and not tiling.overlap:
        return tuple(i * tile_px for i in range(num))
    return tuple(round(i * (size_px - tile_px) / (num - 1)) for i in range(num))


def _shifted(starts_px: tuple[int, ...]) -> tuple[int, ...]:
    """Half-way between neighbours, and the two ends, so that the grid covers the axis as well."""
    middles = ((a + b) // 2 for a, b in pairwise(starts_px))
    return tuple(dict.fromkeys([starts_px[0], *middles, starts_px[-1]]))


def _side(scale: float, tile_px: int) -> int:
    return max(1, round(scale * tile_px))


def _describe(level: Level) -> str:
    height, width = level.image_hw
    grids = " and ".join(f"{len(g.tops)}×{len(g.lefts)}" for g in level.grids)
    return (
        f"scale {format_scale(level.scale)}: {height}×{width} px, {grids} tiles of "
        f"{level.tile_hw[0]}×{level.tile_hw[1]} px"
    )
