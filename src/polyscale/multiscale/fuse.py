"""Each tile's features pooled straight into their place in the output."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from polyscale.multiscale.precision import no_autocast
from polyscale.multiscale.stream import Span
from polyscale.plan import AxisWeights, Level, TileGrid
from polyscale.types import HW, TileFeatures

PoolingRule = Callable[
    [Level, TileGrid, HW, HW], tuple[Sequence[AxisWeights], Sequence[AxisWeights]]
]
"""Level, its grid, cells of a tile and of the output → weights along the rows and the columns."""

OutputGrid = Callable[[int, HW], HW | None]
"""Index of a level and cells of its tiles → cells of the output, or None if it can't tell yet."""

PrefixRule = Literal["mean", "base", "none"]
"""Prefix tokens of a scale: their mean over its tiles (the paper), those of the first scale for
every scale, or none."""

Merge = Literal["concat", "add", "mean"]
"""Scales side by side along channels (the paper), summed, or averaged (the control of Table 11)."""


class FusedTokens:
    """The output tensor, filled tile by tile.

    It is allocated when the first features tell their width and dtype and the output grid is
    known. Features that come before that (only where the grid is that of a later level) wait.
    """

    def __init__(
        self,
        *,
        num_levels: int,
        num_images: int,
        pooling_rule: PoolingRule,
        output_grid: OutputGrid,
        prefix: PrefixRule = "mean",
        merge: Merge = "concat",
    ) -> None:
        self._num_levels = num_levels
        self._num_images = num_images
        self._rule = pooling_rule
        self._output_grid = output_grid
        self._prefix = prefix
        self._merge = merge
        self._weights: dict[tuple[Level, int, HW], tuple[list[_Band], list[_Band]]] = {}
        self._matrices: dict[tuple[tuple[float, ...], ...], Tensor] = {}
        self._waiting: list[tuple[list[Span], TileFeatures]] = []
        self._tokens: Tensor | None = None
        self._dtype = torch.float32
        self.grid_hw: HW = (0, 0)
        self.num_prefix = 0
        self.dim = 0

    def add_chunk(self, spans: Sequence[Span], features: TileFeatures) -> None:
        """Pool the features of a chunk, each span's into its place."""
        if self._tokens is None:
            cells_hw = (features.map.shape[2], features.map.shape[3])
            grids = (self._output_grid(span.slot, cells_hw) for span in spans)
            grid_hw = next((grid for grid in grids if grid is not None), None)
            if grid_hw is None:
                # copies: a model may use its output buffer again
                self._waiting.append((list(spans), TileFeatures(*(f.clone() for f in features))))
                return
            self._tokens = self._allocate(grid_hw, features)
            for waiting in self._waiting:
                self._pool(self._tokens, *waiting)
            self._waiting.clear()
        self._pool(self._tokens, spans, features)

    def result(self) -> Float[Tensor, "batch prefix+h*w channels"]:
        """The tokens, in the dtype of the features."""
        assert self._tokens is not None, "no tile was added"
        return self._tokens.to(self._dtype)

    def _allocate(self, grid_hw: HW, features: TileFeatures) -> Tensor:
        map_, prefix = features
        self.grid_hw, self.dim, self._dtype = grid_hw, map_.shape[1], map_.dtype
        self.num_prefix = 0 if self._prefix == "none" else prefix.shape[1]
        num_tokens = self.num_prefix + grid_hw[0] * grid_hw[1]
        num_slots = self._num_levels if self._merge == "concat" else 1
        # half precision is summed in float32, as a cell may get its share from several tiles
        dtype = torch.promote_types(map_.dtype, torch.float32)
        shape = (self._num_images, num_tokens, self.dim * num_slots)
        return torch.zeros(shape, dtype=dtype, device=map_.device)

    def _pool(self, tokens: Tensor, spans: Sequence[Span], features: TileFeatures) -> None:
        # views of the output: (images, tokens, slots, dim) and (images, h, w, slots, dim)
        slots = tokens.unflatten(2, (-1, self.dim))
        cells = slots[:, self.num_prefix :].unflatten(1, self.grid_hw)
        share = 1 / self._num_levels if self._merge == "mean" else 1.0
        cells_hw = (features.map.shape[2], features.map.shape[3])
        bands = [self._bands(span, cells_hw, tokens) for span in spans]
        first = 0
        # neighbours with the same weights are pooled at once
        for _, alike in groupby(range(len(spans)), lambda i: _likeness(spans[i], *bands[i])):
            members = list(alike)
            num = sum(len(spans[i]) for i in members)
            map_, prefix = (
                f[first : first + num].to(tokens.device, tokens.dtype) for f in features
            )
            first += num
            row, column = bands[members[0]]
            weight = share / len(spans[members[0]].level.grids)
            with no_autocast(tokens.device):
                pooled = _contract(map_.permute(0, 2, 3, 1), row.matrix, column.matrix)
                pooled = pooled if weight == 1 else pooled * weight
                sizes = [len(spans[i]) for i in members]
                for i, part, tokens_of_tile in zip(
                    members, pooled.split(sizes), prefix.split(sizes), strict=True
                ):
                    span, (row, column) = spans[i], bands[i]
                    slot = span.slot if self._merge == "concat" else 0
                    window = cells[span.images, row.out, column.out, slot]
                    window += part
                    if self.num_prefix:
                        self._add_prefix(slots, slot, share, span, tokens_of_tile)

    def _add_prefix(
        self, slots: Tensor, slot: int, share: float, span: Span, prefix: Tensor
    ) -> None:
        places = slots[span.images, : self.num_prefix]
        if self._prefix == "mean":
            place = places[:, :, slot]
            place += prefix * (share / span.level.num_tiles)
        elif span.slot == 0:  # the first scale's, for every scale
            places += prefix[:, :, None] / span.level.num_tiles

    def _bands(self, span: Span, cells_hw: HW, like: Tensor) -> tuple["_Band", "_Band"]:
        key = (span.level, span.grid, cells_hw)
        if key not in self._weights:
            grid = span.level.grids[span.grid]
            rows, columns = self._rule(span.level, grid, cells_hw, self.grid_hw)
            self._weights[key] = (
                [self._band(axis, like) for axis in rows],
                [self._band(axis, like) for axis in columns],
            )
        rows_of, columns_of = self._weights[key]
        return rows_of[span.row], columns_of[span.column]

    def _band(self, axis: AxisWeights, like: Tensor) -> "_Band":
        out = slice(axis.start, axis.start + len(axis.weights))
        if axis.is_identity:
            return _Band(out, None)
        return _Band(out, self._matrix(axis.weights, like))

    def _matrix(self, weights: tuple[tuple[float, ...], ...], like: Tensor) -> Tensor:
        """One for all tiles that are pooled alike."""
        if weights not in self._matrices:
            self._matrices[weights] = like.new_tensor(weights)
        return self._matrices[weights]


@dataclass(frozen=True)
class _Band:
    """Cells of the output that a row or column of tiles touches, and their weights.

    Attributes:
        out: the cells.
        matrix: their weights, or None where cells are just copied.
    """

    out: slice
    matrix: Float[Tensor, "out cells"] | None


def _likeness(span: Span, row: _Band, column: _Band) -> tuple[object, ...]:
    return span.level, id(row.matrix), id(column.matrix)


def _contract(
    cells: Float[Tensor, "tiles grid_h grid_w dim"],
    rows: Float[Tensor, "out_h grid_h"] | None,
    columns: Float[Tensor, "out_w grid_w"] | None,
) -> Float[Tensor, "tiles out_h out_w dim"]:
    """Contract the rows, then the columns; each is one matrix product with channels innermost."""
    if rows is not None:
        _, _, grid_w, dim = cells.shape
        # (out_h, grid_h) @ (tiles, grid_h, grid_w·dim)
        cells = (rows @ cells.flatten(2)).unflatten(2, (grid_w, dim))
    if columns is not None:
        # (out_w, grid_w) @ (tiles, out_h, grid_w, dim)
        cells = columns @ cells
    return cells
