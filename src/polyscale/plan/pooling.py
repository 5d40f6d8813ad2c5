"""How much each cell of a tile counts in each cell of the output, along one axis.

Pooling a level onto the output grid is linear and separable. Cut its matrix by tiles, and every
tile can be pooled straight into its place: no map of the whole level is ever built. A row of tiles
touches only a few output cells, so only that band of the matrix is kept.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

from polyscale.plan.tiling import Window

GAUSSIAN_SIGMA = 0.125
"""Of the tile's length, as MONAI's sliding window has it."""


@dataclass(frozen=True)
class AxisWeights:
    """The part of the pooling matrix that belongs to one row (or column) of tiles.

    Attributes:
        start: first output cell that the tiles touch.
        weights: for each touched output cell, the weight of each cell of the tile. Over all tiles
            the weights of an output cell sum to 1.
    """

    start: int
    weights: tuple[tuple[float, ...], ...]

    @property
    def is_identity(self) -> bool:
        """Whether cells are just copied."""
        return all(
            weight == (i == j) for i, row in enumerate(self.weights) for j, weight in enumerate(row)
        ) and len(self.weights) == len(self.weights[0])


@lru_cache(maxsize=256)
def area_weights(
    starts_px: tuple[int, ...],
    tile_px: int,
    size_px: int,
    num_cells: int,
    num_out: int,
    window: Window = "uniform",
) -> tuple[AxisWeights, ...]:
    """Mean over the area of each output cell; where tiles overlap, their weighted mean.

    Exact for any sizes: the axis is cut at every edge of a tile, a cell or an output cell, and
    each piece counts by its length. Where several tiles cover a piece, they share it by the
    window's weight of their cells. What a tile covers beyond the axis is padding and counts
    nowhere.

    Args:
        starts_px: where each tile begins; together the tiles must cover the axis.
        tile_px: length of a tile.
        size_px: length of the axis.
        num_cells: cells of a tile.
        num_out: cells of the output.
        window: weights of a tile's cells where others cover the same place.
    """
    cell_px, bin_px = Fraction(tile_px, num_cells), Fraction(size_px, num_out)
    heights = window_heights(window, num_cells)
    edges = {bin_px * i for i in range(num_out + 1)}
    edges |= {s + cell_px * k for s in starts_px for k in range(num_cells + 1)}
    cuts = sorted(edge for edge in edges if edge <= size_px)
    found: list[dict[int, list[float]]] = [{} for _ in starts_px]
    for low, high in pairwise(cuts):
        covering = {
            t: int((low - s) / cell_px)
            for t, s in enumerate(starts_px)
            if s <= low and high <= s + tile_px
        }
        total = sum(heights[cell] for cell in covering.values())
        share = (high - low) / bin_px
        for t, cell in covering.items():
            row = found[t].setdefault(int(low / bin_px), [0.0] * num_cells)
            row[cell] += float(share * heights[cell] / total)
    return tuple(_band(rows, num_cells) for rows in found)


def window_heights(window: Window, num_cells: int) -> list[Fraction]:
    """Weight of each cell of a tile along one axis, at the cell's centre, in (0, 1]."""
    centres = [(k + 0.5) / num_cells for k in range(num_cells)]
    if window == "hann":
        return [Fraction(math.sin(math.pi * c) ** 2) for c in centres]
    if window == "gaussian":
        return [Fraction(math.exp(-(((c - 0.5) / GAUSSIAN_SIGMA) ** 2) / 2)) for c in centres]
    return [Fraction(1)] * num_cells


@lru_cache(maxsize=256)
def adaptive_weights(num_tiles: int, num_cells: int, num_out: int) -> tuple[AxisWeights, ...]:
    """The `area` mode of `torch.nn.functional.interpolate` over the stitched cells of all tiles.

    Output cell i is the plain mean of the cells ⌊i·n/m⌋ … ⌈(i+1)·n/m⌉ - 1, for n cells in and m
    out. It equals `area_weights` where m divides n; elsewhere its windows overlap, and upsampling
    repeats values. The reference package pools like this.
    """
    total = num_tiles * num_cells
    found: list[dict[int, list[float]]] = [{} for _ in range(num_tiles)]
    for i in range(num_out):
        low, high = i * total // num_out, -((i + 1) * total // -num_out)
        for cell in range(low, high):
            row = found[cell // num_cells].setdefault(i, [0.0] * num_cells)
            row[cell % num_cells] = 1 / (high - low)
    return tuple(_band(rows, num_cells) for rows in found)


def _band(rows: dict[int, list[float]], num_cells: int) -> AxisWeights:
    """The touched output cells, which are neighbours."""
    first, last = min(rows), max(rows)
    empty = [0.0] * num_cells
    return AxisWeights(first, tuple(tuple(rows.get(i, empty)) for i in range(first, last + 1)))
