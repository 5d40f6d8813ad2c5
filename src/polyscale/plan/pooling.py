"""How much each cell of a tile counts in each cell of the output, along one axis.

Pooling a level onto the output grid is linear and separable. Cut its matrix by tiles, and every
tile can be pooled straight into its place: no map of the whole level is ever built. A row of tiles
touches only a few output cells, so only that band of the matrix is kept.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise


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
    starts_px: tuple[int, ...], tile_px: int, size_px: int, num_cells: int, num_out: int
) -> tuple[AxisWeights, ...]:
    """Mean over the area of each output cell; where tiles overlap, their mean.

    Exact for any sizes: the axis is cut at every edge of a tile, a cell or an output cell, and
    each piece counts by its length. A piece covered by c tiles counts 1/c for each.

    Args:
        starts_px: where each tile begins; together the tiles must cover the axis.
        tile_px: length of a tile.
        size_px: length of the axis.
        num_cells: cells of a tile.
        num_out: cells of the output.
    """
    cell_px = Fraction(tile_px, num_cells)
    bin_px = Fraction(size_px, num_out)
    edges = {bin_px * i for i in range(num_out + 1)}
    edges |= {s + cell_px * k for s in starts_px for k in range(num_cells + 1)}
    cuts = sorted(edges)
    matrices = [[[Fraction(0)] * num_cells for _ in range(num_out)] for _ in starts_px]
    for low, high in pairwise(cuts):
        covering = [t for t, s in enumerate(starts_px) if s <= low and high <= s + tile_px]
        share = (high - low) / bin_px / len(covering)
        for t in covering:
            cell = int((low - starts_px[t]) / cell_px)
            matrices[t][int(low / bin_px)][cell] += share
    return tuple(_band(matrix) for matrix in matrices)


@lru_cache(maxsize=256)
def adaptive_weights(num_tiles: int, num_cells: int, num_out: int) -> tuple[AxisWeights, ...]:
    """The `area` mode of `torch.nn.functional.interpolate` over the stitched cells of all tiles.

    Output cell i is the plain mean of the cells ⌊i·n/m⌋ … ⌈(i+1)·n/m⌉ - 1, for n cells in and m
    out. It equals `area_weights` where m divides n; elsewhere its windows overlap, and upsampling
    repeats values. The reference package pools like this.
    """
    total = num_tiles * num_cells
    matrices = [[[Fraction(0)] * num_cells for _ in range(num_out)] for _ in range(num_tiles)]
    for i in range(num_out):
        low, high = i * total // num_out, -((i + 1) * total // -num_out)
        for cell in range(low, high):
            matrices[cell // num_cells][i][cell % num_cells] = Fraction(1, high - low)
    return tuple(_band(matrix) for matrix in matrices)


def _band(matrix: list[list[Fraction]]) -> AxisWeights:
    """Only the rows that are not all zero, which are neighbours."""
    touched = [i for i, row in enumerate(matrix) if any(row)]
    rows = matrix[touched[0] : touched[-1] + 1]
    return AxisWeights(touched[0], tuple(tuple(map(float, row)) for row in rows))
