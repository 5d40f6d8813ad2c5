"""Each tile's features pooled straight into their place in the output."""

from collections.abc import Callable, Sequence
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
        self._waiting: list[tuple[Span, TileFeatures]] = []
        self._tokens: Tensor | None = None
        self._dtype = torch.float32
        self.grid_hw: HW = (0, 0)
        self.num_prefix = 0
        self.dim = 0

    def add_chunk(self, spans: Sequence[Span], features: TileFeatures) -> None:
        """Pool the features of a chunk, each span's into its place."""
        sizes = [len(span) for span in spans]
        parts = zip(features.map.split(sizes), features.prefix.split(sizes), strict=True)
        for span, (map_, prefix) in zip(spans, parts, strict=True):
            self.add(span, TileFeatures(map_, prefix))

    def add(self, span: Span, features: TileFeatures) -> None:
        """Pool the features of one span into their place."""
        if self._tokens is not None:
            self._pool(self._tokens, span, features)
            return
        # copies: a model may use its output buffer again
        copied = TileFeatures(features.map.clone(), features.prefix.clone())
        self._waiting.append((span, copied))
        grid_hw = self._output_grid(span.slot, (features.map.shape[2], features.map.shape[3]))
        if grid_hw is not None:
            self._tokens = self._allocate(grid_hw, features)
            for waiting in self._waiting:
                self._pool(self._tokens, *waiting)
            self._waiting.clear()

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

    def _pool(self, tokens: Tensor, span: Span, features: TileFeatures) -> None:
        # (images, tokens, slots, dim), a view
        slots = tokens[span.images].unflatten(2, (-1, self.dim))
        slot = span.slot if self._merge == "concat" else 0
        share = 1 / self._num_levels if self._merge == "mean" else 1.0
        map_, prefix = (f.to(tokens.device, tokens.dtype) for f in features)
        if self.num_prefix:
            self._add_prefix(slots[:, : self.num_prefix], slot, share, span, prefix)
        rows, columns = self._bands(span, map_)
        row, column = rows[span.row], columns[span.column]
        # (images, h·w, dim) → (images, h, w, dim): a view of the cells, channels last
        cells = slots[:, self.num_prefix :, slot].unflatten(1, self.grid_hw)
        with no_autocast(map_.device):
            pooled = _contract(map_.permute(0, 2, 3, 1), row, column)
            weight = share / len(span.level.grids)
            window = cells[:, row.out, column.out]
            window += pooled if weight == 1 else pooled * weight

    def _add_prefix(
        self, slots: Tensor, slot: int, share: float, span: Span, prefix: Tensor
    ) -> None:
        mean = prefix / span.level.num_tiles
        if self._prefix == "mean":
            place = slots[:, :, slot]
            place += mean * share
        elif span.slot == 0:  # the first scale's, for every scale
            slots += mean[:, :, None]

    def _bands(self, span: Span, map_: Tensor) -> tuple[list["_Band"], list["_Band"]]:
        key = (span.level, span.grid, (map_.shape[-2], map_.shape[-1]))
        if key not in self._weights:
            grid = span.level.grids[span.grid]
            rows, columns = self._rule(span.level, grid, key[2], self.grid_hw)
            self._weights[key] = ([_Band(w, map_) for w in rows], [_Band(w, map_) for w in columns])
        return self._weights[key]


class _Band:
    """Weights of one row or column of tiles as a matrix, or None where cells are just copied."""

    def __init__(self, axis: AxisWeights, like: Tensor) -> None:
        self.out = slice(axis.start, axis.start + len(axis.weights))
        self.matrix = None if axis.is_identity else like.new_tensor(axis.weights)


def _contract(
    cells: Float[Tensor, "tiles grid_h grid_w dim"], rows: _Band, columns: _Band
) -> Float[Tensor, "tiles out_h out_w dim"]:
    """Contract the rows, then the columns; each is one matrix product with channels innermost."""
    if rows.matrix is not None:
        _, _, grid_w, dim = cells.shape
        # (out_h, grid_h) @ (tiles, grid_h, grid_w·dim)
        cells = (rows.matrix @ cells.flatten(2)).unflatten(2, (grid_w, dim))
    if columns.matrix is not None:
        # (out_w, grid_w) @ (tiles, out_h, grid_w, dim)
        cells = columns.matrix @ cells
    return cells
