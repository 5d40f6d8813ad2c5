"""How much each cell of a tile counts in each cell of the output, exactly.

Pooling a level onto the output grid is linear, and its matrix is cut by tiles, so that every tile
is pooled straight into its place and no map of a whole level is ever built. Along each axis, the
level is cut at every edge of a tile, of a cell and of an output cell. A piece counts by its length;
where several tiles cover it, they share it by the window's weights of their cells.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from polyscale.operator.plan import Level, TileGrid, Window
from polyscale.types import HW

GAUSSIAN_SIGMA = 0.125
"""Standard deviation of the Gaussian window, relative to the tile's length, as in MONAI."""

GAUSSIAN_LEAST = 1e-3
"""Smallest weight of the Gaussian window, as in MONAI."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TileWeights:
    """Which cells of a tile count where; three arrays of one length.

    Attributes:
        cells: cells of the tile, row by row.
        outputs: cells of the output grid, row by row.
        weights: over all tiles of a grid, the weights of an output cell sum to 1.
    """

    cells: Ints
    outputs: Ints
    weights: Floats


class GridPooling:
    """The pooling of one grid of tiles of a level.

    Args:
        level: the level.
        grid: its grid of tiles.
        cells_hw: cells of a tile.
        out_hw: cells of the output.
    """

    def __init__(self, level: Level, grid: TileGrid, cells_hw: HW, out_hw: HW) -> None:
        self._cells_hw, self._out_hw = cells_hw, out_hw
        self._rows, self._columns = (
            _Axis(starts, level.tile_hw[a], level.image_hw[a], cells_hw[a], out_hw[a])
            for a, starts in enumerate((grid.tops, grid.lefts))
        )
        self._window = window_weights(level.window, cells_hw)

    def tile(self, row: int, column: int) -> TileWeights:
        """The weights of one tile."""
        (rows, cell_y, out_y, share_y) = self._rows.pieces(row)
        (columns, cell_x, out_x, share_x) = self._columns.pieces(column)
        weights = np.outer(share_y, share_x) * self._window[np.ix_(cell_y, cell_x)]
        weights /= self._total[rows, columns]
        num_cells = self._cells_hw[0] * self._cells_hw[1]
        cells = (cell_y[:, None] * self._cells_hw[1] + cell_x).ravel()
        outputs = (out_y[:, None] * self._out_hw[1] + out_x).ravel()
        if not (_repeats(cell_y, out_y) or _repeats(cell_x, out_x)):
            return TileWeights(cells, outputs, weights.ravel())
        # pieces between the edges of other tiles belong to the same pair of cells
        pairs, inverse = np.unique(outputs * num_cells + cells, return_inverse=True)
        outputs, cells = np.divmod(pairs, num_cells)
        return TileWeights(cells, outputs, np.bincount(inverse, weights.ravel()).astype(np.float64))

    @cached_property
    def _total(self) -> Floats:
        """Sum of the window's weights of all tiles that cover a piece."""
        total = np.zeros((self._rows.num_pieces, self._columns.num_pieces))
        for row in range(self._rows.num_tiles):
            rows, cell_y, _, _ = self._rows.pieces(row)
            for column in range(self._columns.num_tiles):
                columns, cell_x, _, _ = self._columns.pieces(column)
                total[rows, columns] += self._window[np.ix_(cell_y, cell_x)]
        return total


class _Axis:
    """One axis, cut into pieces. All lengths are whole numbers in a unit that divides every edge.

    Args:
        starts_px: where each tile begins.
        tile_px: length of a tile.
        size_px: length of the axis. What a tile covers beyond it is padding and counts nowhere.
        num_cells: cells of a tile.
        num_out: cells of the output.
    """

    def __init__(
        self, starts_px: tuple[int, ...], tile_px: int, size_px: int, num_cells: int, num_out: int
    ) -> None:
        unit = num_cells * num_out
        self._starts = [start * unit for start in starts_px]
        self._cell, self._bin, self._num_cells = tile_px * num_out, size_px * num_cells, num_cells
        edges = [np.arange(num_out + 1, dtype=np.int64) * self._bin]
        edges += [start + np.arange(num_cells + 1) * self._cell for start in self._starts]
        cuts = np.unique(np.concatenate(edges).clip(0, size_px * unit))
        self._lows, self._lengths = cuts[:-1], np.diff(cuts)

        self._pieces = [self._pieces_of(start) for start in self._starts]

    @property
    def num_tiles(self) -> int:
        return len(self._starts)

    @property
    def num_pieces(self) -> int:
        return len(self._lows)

    def pieces(self, tile: int) -> tuple[slice, Ints, Ints, Floats]:
        """Which pieces the tile covers, the cell and the output cell of each, and its share."""
        return self._pieces[tile]

    def _pieces_of(self, start: int) -> tuple[slice, Ints, Ints, Floats]:
        first, last = np.searchsorted(self._lows, (start, start + self._num_cells * self._cell))
        lows = self._lows[first:last]
        cells, outputs = (lows - start) // self._cell, lows // self._bin
        return slice(first, last), cells, outputs, self._lengths[first:last] / self._bin


def _repeats(cells: Ints, outputs: Ints) -> bool:
    """Whether neighbouring pieces belong to the same pair of cells."""
    return bool(((np.diff(cells) == 0) & (np.diff(outputs) == 0)).any())


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


def area_matrix(num_cells: int, num_out: int) -> NDArray[np.float64]:
    """The mean over the area of each output cell, along one axis, as a matrix (out, cells)."""
    length = num_cells * num_out
    _, cells, outputs, shares = _Axis((0,), length, length, num_cells, num_out).pieces(0)
    matrix = np.zeros((num_out, num_cells))
    np.add.at(matrix, (outputs, cells), shares)
    return matrix
