"""How much each cell of a tile counts in each cell of the output, exactly.

Pooling a level onto the output grid is linear, and its matrix is cut by tiles, so that every tile
is pooled straight into its place and no map of a whole level is ever built. Along each axis, the
level is cut at every edge of a tile, of a cell and of an output cell. A piece counts by its length;
where several tiles cover it, they share it by the window's weights of their cells.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyscale.operator.plan import Level, Window
from polyscale.types import HW

GAUSSIAN_SIGMA = 0.125
"""Standard deviation of the Gaussian window, relative to the tile's length, as in MONAI."""

GAUSSIAN_LEAST = 1e-3
"""Smallest weight of the Gaussian window, as in MONAI."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class TileWeights(NamedTuple):
    """Which cells of a tile count where; three arrays of one length.

    Attributes:
        cells: cells of the tile, row by row.
        outputs: cells of the output grid, row by row.
        weights: over all tiles of a level, the weights of an output cell sum to 1.
    """

    cells: Ints
    outputs: Ints
    weights: Floats


class _Pieces(NamedTuple):
    """The pieces of an axis that a tile covers.

    Attributes:
        where: their places among all pieces of the axis.
        cells: the cell of the tile that each lies in.
        outputs: the output cell that each lies in.
        shares: the share of its output cell that each takes.
        firsts: the first piece of every pair of a cell and an output cell; the others of a pair lie
            between the edges of other tiles.
    """

    where: slice
    cells: Ints
    outputs: Ints
    shares: Floats
    firsts: Ints


def pool_level(level: Level, cells_hw: HW, out_hw: HW) -> list[TileWeights]:
    """The weights of each tile of a level, in the order of its boxes.

    A tile has `cells_hw` cells, and the output `out_hw`.
    """
    window, pooled = window_weights(level.window, cells_hw), []
    for grid in level.grids:
        rows, columns = (
            _cut_axis(starts, level.tile_hw[a], level.image_hw[a], cells_hw[a], out_hw[a])
            for a, starts in enumerate((grid.tops, grid.lefts))
        )
        tiles = [(y, x) for y in rows for x in columns]
        # the sum of the windows of all tiles that cover a piece
        total = np.zeros((rows[-1].where.stop, columns[-1].where.stop))
        for y, x in tiles:
            total[y.where, x.where] += window[np.ix_(y.cells, x.cells)]
        for y, x in tiles:
            weights = np.outer(y.shares, x.shares) * window[np.ix_(y.cells, x.cells)]
            weights /= total[y.where, x.where] * len(level.grids)
            weights = np.add.reduceat(np.add.reduceat(weights, y.firsts, 0), x.firsts, 1)
            cells = np.add.outer(y.cells[y.firsts] * cells_hw[1], x.cells[x.firsts])
            outputs = np.add.outer(y.outputs[y.firsts] * out_hw[1], x.outputs[x.firsts])
            pooled.append(TileWeights(cells.ravel(), outputs.ravel(), weights.ravel()))
    return pooled


def _cut_axis(
    starts_px: tuple[int, ...], tile_px: int, size_px: int, num_cells: int, num_out: int
) -> list[_Pieces]:
    """The pieces of each tile of an axis of `size_px`; what lies beyond the axis counts nowhere."""
    # all lengths are whole numbers in a unit that divides every edge
    unit = num_cells * num_out
    cell, output = tile_px * num_out, size_px * num_cells
    starts = [start * unit for start in starts_px]
    edges = [np.arange(num_out + 1, dtype=np.int64) * output]
    edges += [start + np.arange(num_cells + 1) * cell for start in starts]
    cuts = np.unique(np.concatenate(edges).clip(0, size_px * unit))
    lengths, pieces = np.diff(cuts), []
    for start in starts:
        first, last = np.searchsorted(cuts[:-1], (start, start + tile_px * unit))
        lows = cuts[first:last]
        cells, outputs = (lows - start) // cell, lows // output
        firsts = np.flatnonzero(np.diff(outputs * num_cells + cells, prepend=-1))
        shares = lengths[first:last] / output
        pieces.append(_Pieces(slice(first, last), cells, outputs, shares, firsts))
    return pieces


def window_weights(window: Window, cells_hw: HW) -> Floats:
    """Weight of each cell of a tile where tiles overlap, taken at the cell's centre."""
    rows, columns = (_axis_window(window, num) for num in cells_hw)
    weights = np.outer(rows, columns)
    return weights.clip(GAUSSIAN_LEAST) if window == "gaussian" else weights


def _axis_window(window: Window, num_cells: int) -> Floats:
    centres = (np.arange(num_cells) + 0.5) / num_cells
    if window == "hann":
        return np.sin(np.pi * centres) ** 2
    if window == "gaussian":
        return np.exp(-(((centres - 0.5) / GAUSSIAN_SIGMA) ** 2) / 2)
    return np.ones(num_cells)


def area_matrix(num_cells: int, num_out: int) -> Floats:
    """The mean over the area of each output cell, along one axis, as a matrix (out, cells)."""
    length = num_cells * num_out
    (pieces,) = _cut_axis((0,), length, length, num_cells, num_out)
    matrix = np.zeros((num_out, num_cells))
    np.add.at(matrix, (pieces.outputs, pieces.cells), pieces.shares)
    return matrix
