"""Each tile's features pooled straight into their place in the output."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from polyscale.multiscale.precision import no_autocast
from polyscale.multiscale.stream import Span
from polyscale.plan import AxisWeights, Level
from polyscale.types import HW, TileFeatures

PoolingRule = Callable[[Level, HW, HW], tuple[Sequence[AxisWeights], Sequence[AxisWeights]]]
"""Level, cells of a tile and cells of the output → weights along the rows and the columns."""

OutputGrid = Callable[[int, HW], HW | None]
"""Index of a level and cells of its tiles → cells of the output, or None if it can't tell yet."""


class FusedTokens:
    """The output tensor, filled tile by tile.

    It is allocated when the first features tell their width and dtype and the output grid is
    known. Features that come before that (only where the grid is that of a later level) wait.
    """

    def __init__(
        self,
        levels: Sequence[Level],
        num_images: int,
        rule: PoolingRule,
        output_grid: OutputGrid,
    ) -> None:
        self._levels = levels
        self._num_images = num_images
        self._rule = rule
        self._output_grid = output_grid
        self._grid_hw: HW | None = None
        self._weights: dict[int, tuple[list[_Band], list[_Band]]] = {}
        self._waiting: list[tuple[Span, TileFeatures]] = []
        self._tokens: Tensor | None = None
        self._dtype = torch.float32
        self._num_prefix = 0
        self._dim = 0

    def add(self, span: Span, features: TileFeatures) -> None:
        """Pool the features of one span into their place."""
        if self._tokens is None:
            # copies: a model may use its output buffer again
            copied = TileFeatures(features.map.clone(), features.prefix.clone())
            self._waiting.append((span, copied))
            _, _, grid_h, grid_w = features.map.shape
            self._grid_hw = self._output_grid(span.level, (grid_h, grid_w))
            if self._grid_hw is None:
                return
            self._allocate(features)
            for waiting in self._waiting:
                self._add(*waiting)
            self._waiting.clear()
        else:
            self._add(span, features)

    def result(self) -> tuple[Float[Tensor, "batch prefix+h*w scales*dim"], int, HW, int]:
        """The tokens, how many are prefix tokens, the output grid and the width of one scale."""
        assert self._tokens is not None, "no tile was added"
        assert self._grid_hw is not None
        return self._tokens.to(self._dtype), self._num_prefix, self._grid_hw, self._dim

    def _allocate(self, features: TileFeatures) -> None:
        assert self._grid_hw is not None
        map_, prefix = features
        self._dim, self._num_prefix, self._dtype = map_.shape[1], prefix.shape[1], map_.dtype
        num_tokens = self._num_prefix + self._grid_hw[0] * self._grid_hw[1]
        # half precision is summed in float32, as a cell may get its share from several tiles
        dtype = torch.promote_types(map_.dtype, torch.float32)
        shape = (self._num_images, num_tokens, self._dim * len(self._levels))
        self._tokens = torch.zeros(shape, dtype=dtype, device=map_.device)

    def _add(self, span: Span, features: TileFeatures) -> None:
        assert self._tokens is not None
        assert self._grid_hw is not None
        channels = slice(span.level * self._dim, (span.level + 1) * self._dim)
        place = self._tokens[span.images, :, channels]
        level = self._levels[span.level]
        map_, prefix = features.map.to(place.dtype), features.prefix.to(place.dtype)
        if self._num_prefix:
            place[:, : self._num_prefix] += prefix / level.num_tiles
        rows, columns = self._level_weights(span.level, map_)
        row, column = rows[span.row], columns[span.column]
        # (images, h·w, dim) → (images, h, w, dim): a view of the cells, channels last
        cells = place[:, self._num_prefix :].unflatten(1, self._grid_hw)
        window = cells[:, row.out, column.out]
        with no_autocast(map_.device):
            window += _pool(map_.permute(0, 2, 3, 1), row, column)

    def _level_weights(self, index: int, map_: Tensor) -> tuple[list["_Band"], list["_Band"]]:
        if index not in self._weights:
            assert self._grid_hw is not None
            grid_hw = (map_.shape[-2], map_.shape[-1])
            rows, columns = self._rule(self._levels[index], grid_hw, self._grid_hw)
            self._weights[index] = (
                [_Band(w, map_) for w in rows],
                [_Band(w, map_) for w in columns],
            )
        return self._weights[index]


class _Band:
    """Weights of one row or column of tiles as a matrix, or None where cells are just copied."""

    def __init__(self, axis: AxisWeights, like: Tensor) -> None:
        self.out = slice(axis.start, axis.start + len(axis.weights))
        self.matrix = None if axis.is_identity else like.new_tensor(axis.weights)


def _pool(
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
