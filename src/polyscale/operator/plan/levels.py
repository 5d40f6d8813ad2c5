"""Sizes into levels and tiles."""

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise

from polyscale.errors import InputError
from polyscale.operator.plan.tiling import Tiling, Window, check_hw
from polyscale.types import HW, format_scale

SLACK = 0.05
"""With aspect "keep", a side may be longer than whole tiles by this share of a tile, and is then
shrunk to them: another row of tiles would show next to nothing."""


@dataclass(frozen=True)
class TileGrid:
    """Rows and columns of tiles.

    Attributes:
        tops: upper edge of each row, in pixels of the level, in rising order. With aspect "slide"
            a level lower than a tile lies in the middle of it, and the edge is then negative.
        lefts: left edge of each column, likewise.
    """

    tops: tuple[int, ...]
    lefts: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.tops) * len(self.lefts)


@dataclass(frozen=True)
class Level:
    """One image scale and its tiles.

    Attributes:
        scale: size relative to the model's own; with aspect "slide" to the image.
        image_hw: what the image is resized to, in pixels.
        tile_hw: size of each tile, in pixels. With aspect "pad" tiles may reach over the lower and
            right edge of the level, with "slide" over all edges. What lies there is padding: it is
            0 and never pooled.
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
    def boxes_yxyx(self) -> tuple[tuple[int, int, int, int], ...]:
        """Top, left, bottom and right edge of each tile in pixels, grid by grid, row by row."""
        height, width = self.tile_hw
        return tuple(
            (y, x, y + height, x + width) for g in self.grids for y in g.tops for x in g.lefts
        )

    def __str__(self) -> str:
        grids = " and ".join(f"{len(g.tops)}×{len(g.lefts)}" for g in self.grids)
        return (
            f"scale {format_scale(self.scale)}: {self.image_hw[0]}×{self.image_hw[1]} px, "
            f"{grids} tiles of {self.tile_hw[0]}×{self.tile_hw[1]} px"
        )


@dataclass(frozen=True)
class Plan:
    """All levels of an image in the order of the scales, and the cells of the output."""

    levels: tuple[Level, ...]
    grid_hw: HW

    @property
    def num_tiles(self) -> int:
        """Tiles of one image over all levels: how often the backbone runs."""
        return sum(level.num_tiles for level in self.levels)

    def __str__(self) -> str:
        total = f"{self.num_tiles} tiles → {self.grid_hw[0]}×{self.grid_hw[1]} cells"
        return "\n".join([*map(str, self.levels), total])


def plan_levels(tiling: Tiling, tile_hw: HW, image_hw: HW | None = None) -> tuple[Level, ...]:
    """The levels of an image.

    Tiles have the model's own size. Where a level is not a whole number of tiles, they overlap
    evenly. Below scale 1 a level is a single, smaller tile.

    With aspect "slide" a level is round(scale × image) pixels and its tiles always have the model's
    own size. They begin where MONAI's `dense_patch_slices` puts them: every (1 - overlap) × tile
    pixels, and the last one is pulled back inside. A level smaller than a tile has half of the
    padding on each side, the odd pixel below and on the right.

    >>> [level.num_tiles for level in plan_levels(Tiling(scales=(1, 2, 3)), (224, 224))]
    [1, 4, 9]

    Args:
        tiling: the choices.
        tile_hw: the model's own size, in pixels.
        image_hw: size of the image, in pixels (default: the model's own size).

    Raises:
        InputError: if a size is not two whole numbers, or a level needs more than `max_tiles`.
    """
    tile_hw = check_hw("tile_hw", tile_hw)
    image_hw = tile_hw if image_hw is None else check_hw("image_hw", image_hw)
    return tuple(_plan_level(scale, tiling, tile_hw, image_hw) for scale in tiling.scales)


def closest_grid(scale: float, tile_hw: HW, image_hw: HW, max_tiles: int = 4096) -> HW:
    """Rows and columns of whole tiles for an image at its largest scale, by NVILA's rule.

    Of all grids with scale² to 4/3 · scale² tiles (9 to 12 at scale 3) it is the one whose aspect
    is closest to the image's. Where two are equally close, the one of more tiles is taken if the
    image has more than half as many pixels. Closeness is measured in floating point, as in
    NVILA's `dynamic_s2_preprocess` and `find_closest_aspect_ratio`.

    >>> closest_grid(3, (448, 448), (1000, 1500)), closest_grid(3, (448, 448), (2000, 500))
    ((3, 4), (6, 2))

    Args:
        scale: the largest scale.
        tile_hw: size of a tile, in pixels.
        image_hw: size of the image, in pixels.
        max_tiles: most tiles, where that is fewer, but never fewer than scale².
    """
    least = squared_tiles(scale)
    most = max(least, min(max_tiles, least * 4 // 3))
    grids = sorted(
        (rows * columns, columns, rows)
        for columns in range(1, most + 1)
        for rows in range(-(-least // columns), most // columns + 1)
    )
    aspect, best, smallest = image_hw[1] / image_hw[0], (1, 1), math.inf
    for tiles, columns, rows in grids:
        off = abs(aspect - (columns * tile_hw[1]) / (rows * tile_hw[0]))
        is_large = image_hw[0] * image_hw[1] > 0.5 * tiles * tile_hw[0] * tile_hw[1]
        if off < smallest or (off == smallest and is_large):
            best, smallest = (rows, columns), off
    return best


def squared_tiles(scale: float) -> int:
    """Whole tiles that fit into a square of this scale: the fewest that `closest_grid` takes."""
    return max(1, int(scale**2 + 1e-9))


def _plan_level(scale: float, tiling: Tiling, tile_hw: HW, image_hw: HW) -> Level:
    size_hw, level_tile_hw = _level_sizes(scale, tiling, tile_hw, image_hw)
    tops, lefts = (_tile_starts(size_hw[a], level_tile_hw[a], tiling) for a in (0, 1))
    grids = [TileGrid(tops, lefts)]
    if tiling.shifted and len(grids[0]) > 1:
        grids.append(TileGrid(_shifted(tops), _shifted(lefts)))
    level = Level(scale, size_hw, level_tile_hw, tuple(grids), tiling.window)
    if level.num_tiles > tiling.max_tiles:
        raise InputError(
            f"scale {format_scale(scale)} must need at most max_tiles={tiling.max_tiles} tiles, "
            f"but needs {level.num_tiles} for an image of {image_hw[0]}×{image_hw[1]} px. "
            "Raise max_tiles, or leave the scale out."
        )
    return level


def _level_sizes(scale: float, tiling: Tiling, tile_hw: HW, image_hw: HW) -> tuple[HW, HW]:
    """Size of the level, and of each of its tiles."""
    if tiling.aspect == "slide":
        size_hw, largest_hw = _times(scale, image_hw), tile_hw
    elif tiling.aspect == "dynamic" and scale == max(tiling.scales) and scale >= 1:
        rows, columns = closest_grid(scale, tile_hw, image_hw, tiling.max_tiles)
        size_hw = largest_hw = (rows * tile_hw[0], columns * tile_hw[1])
    elif tiling.aspect == "keep" and scale >= 1:
        size_hw = largest_hw = _kept_size(scale, tiling, tile_hw, image_hw)
    else:
        size_hw = largest_hw = _times(scale, tile_hw)
        if tiling.aspect == "pad":
            inside = min(size_hw[0] / image_hw[0], size_hw[1] / image_hw[1])
            size_hw = _times(inside, image_hw)
    if not tiling.split:
        return size_hw, size_hw
    return size_hw, (min(tile_hw[0], largest_hw[0]), min(tile_hw[1], largest_hw[1]))


def _kept_size(scale: float, tiling: Tiling, tile_hw: HW, image_hw: HW) -> HW:
    """The size with the image's aspect whose shorter side, in tiles, is `scale` long.

    Where that needs more than `max_tiles`, the largest one that does not, down to scale 1.
    """
    shorter = 0 if tile_hw[0] * image_hw[1] >= tile_hw[1] * image_hw[0] else 1
    longer = 1 - shorter

    def size(shorter_px: int) -> HW:
        exact_px = round(shorter_px * image_hw[longer] / image_hw[shorter])
        longer_px = _near_whole(exact_px, tile_hw[longer])
        return (longer_px, shorter_px) if shorter else (shorter_px, longer_px)

    def num_tiles(shorter_px: int) -> int:
        rows, columns = (
            _num_along(side_px, tile_px, tiling.overlap)
            for side_px, tile_px in zip(size(shorter_px), tile_hw, strict=True)
        )
        more = (rows + (rows > 1)) * (columns + (columns > 1))
        return rows * columns + (more if tiling.shifted and rows * columns > 1 else 0)

    smallest, wanted = tile_hw[shorter], round(scale * tile_hw[shorter])
    sizes = range(smallest, wanted + 1)
    fitting = bisect_right(sizes, tiling.max_tiles, key=num_tiles)
    return size(sizes[max(0, fitting - 1)])


def _near_whole(side_px: int, tile_px: int) -> int:
    """A side that is hardly longer than whole tiles becomes as long as they are."""
    whole = max(1, side_px // tile_px) * tile_px
    return whole if side_px - whole <= SLACK * tile_px else side_px


def _num_along(size_px: int, tile_px: int, overlap: float) -> int:
    """The fewest tiles that cover an axis and overlap at least so much."""
    stride = max(1.0, tile_px * (1 - overlap))
    return math.ceil(max(0, size_px - tile_px) / stride - 1e-9) + 1


def _tile_starts(size_px: int, tile_px: int, tiling: Tiling) -> tuple[int, ...]:
    """Where tiles begin along one axis."""
    room = size_px - tile_px
    if tiling.aspect == "slide":
        stride = max(1, int(tile_px * (1 - tiling.overlap)))
        return (*range(0, room, stride), room) if room > 0 else (-(-room // 2),)
    num = _num_along(size_px, tile_px, tiling.overlap)
    if num == 1:
        return (0,)
    if tiling.aspect == "pad" and not tiling.overlap:
        return tuple(i * tile_px for i in range(num))
    return tuple(round(i * room / (num - 1)) for i in range(num))


def _shifted(starts_px: tuple[int, ...]) -> tuple[int, ...]:
    """Half-way between neighbours, and the two ends, so that the grid covers the axis as well."""
    middles = ((a + b) // 2 for a, b in pairwise(starts_px))
    return tuple(dict.fromkeys([starts_px[0], *middles, starts_px[-1]]))


def _times(scale: float, size_hw: HW) -> HW:
    """Height and width times the scale, in whole pixels of at least 1."""
    return max(1, round(scale * size_hw[0])), max(1, round(scale * size_hw[1]))
