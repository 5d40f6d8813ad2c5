"""Index tables: where the features of every chunk go. Plain arrays, made once for calls alike."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from polyscale.operator.multiscale.cache import ByteCache
from polyscale.operator.multiscale.pooling import Floats, GridPooling, Ints, TileWeights
from polyscale.operator.multiscale.stream import Chunk, Part, Span
from polyscale.operator.plan import Level
from polyscale.types import HW

PrefixRule = Literal["mean", "base", "none"]
"""What becomes of the prefix tokens of a scale: their mean over its tiles (the paper), those of the
first scale for every scale, or nothing."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The shape of a call's output, and of what the model gives.

    Attributes:
        num_images: images of the call.
        num_slots: scales, which lie side by side along the channels.
        grid_hw: cells of the output.
        cells_hw: size of a tile in pixels → cells of its feature map.
        num_prefix: prefix tokens that the model gives.
        prefix: what becomes of them.
        out_prefix: prefix tokens of the output.
        num_tokens: tokens of one image in the output.
        num_rows: rows of the output: one for each image, token and slot, in this order.
    """

    num_images: int
    num_slots: int
    grid_hw: HW
    cells_hw: tuple[tuple[HW, HW], ...]
    num_prefix: int
    prefix: PrefixRule
    out_prefix: int = field(init=False)
    num_tokens: int = field(init=False)
    num_rows: int = field(init=False)

    def __post_init__(self) -> None:
        # plain values instead of properties, because compilers trace what reads them
        out_prefix = 0 if self.prefix == "none" else self.num_prefix
        num_tokens = out_prefix + self.grid_hw[0] * self.grid_hw[1]
        object.__setattr__(self, "out_prefix", out_prefix)
        object.__setattr__(self, "num_tokens", num_tokens)
        object.__setattr__(self, "num_rows", self.num_images * num_tokens * self.num_slots)

    def cells_of(self, tile_hw: HW) -> HW:
        """Cells of the feature map of a tile."""
        return dict(self.cells_hw)[tile_hw]


@dataclass(frozen=True, eq=False)
class ChunkTable:
    """What becomes of a chunk's tokens.

    Each entry takes a token, multiplies it by a weight and adds it to a sum. Sums that no later
    chunk adds to are finished and go to the output; the others are handed on to the next chunk.

    Integer arrays, or tensors in a program that is traced.

    Attributes:
        tokens: rows of the chunk's tokens (tiles · (prefix + cells), dim), one an entry.
        weights: one an entry, (entries, 1).
        sums: row of the sum that each entry adds to.
        handed_on: rows of the sums that come from the chunk before; None where there are none.
        finished: for each finished sum, which are the first ones, the row of the output.
        num_sums: how many sums there are.
        cells_hw: cells of each tile of the chunk.
        moved: the arrays on other devices, where they have been needed.
    """

    tokens: Any
    weights: Any
    sums: Any
    handed_on: Any
    finished: Any
    num_sums: int
    cells_hw: HW
    moved: dict[torch.device, tuple[Tensor, ...]] = field(default_factory=dict)


Tables = tuple[ChunkTable, ...]


def table_tensors(table: ChunkTable, device: torch.device) -> tuple[Tensor, ...]:
    """The arrays of a table on a device; only the first call for a device copies them.

    A function and not a method, because compilers trace it.
    """
    arrays = [table.tokens, table.weights, table.sums, table.finished]
    if table.handed_on is not None:
        arrays.append(table.handed_on)
    if device.type == "cpu" or torch.compiler.is_compiling():
        return tuple([_tensor(array).to(device) for array in arrays])
    if device not in table.moved:
        with torch.inference_mode(False):
            moved = tuple(torch.from_numpy(a).to(device, non_blocking=True) for a in arrays)
        if any(type(tensor) is not Tensor for tensor in moved):  # of a mode such as fake tensors
            return moved
        table.moved[device] = moved
    return table.moved[device]


def _tensor(array: Any) -> Tensor:
    # not `as_tensor`, which moves arrays to the default device
    return array if isinstance(array, Tensor) else torch.from_numpy(array)


def constant_tables(tables: Tables) -> Tables:
    """The tables with tensors instead of arrays, which a traced program keeps as its constants."""
    return tuple(replace(table, **_arrays(table, torch.from_numpy)) for table in tables)


def _arrays(table: ChunkTable, convert: Callable[[Any], Any] = np.asarray) -> dict[str, Any]:
    """The arrays that a table has, by their names."""
    names = ("tokens", "weights", "sums", "finished", "handed_on")
    arrays = {name: getattr(table, name) for name in names}
    return {name: convert(array) for name, array in arrays.items() if array is not None}


_TABLES = ByteCache[Tables](
    64 * 2**20,
    lambda tables: sum(array.nbytes for table in tables for array in _arrays(table).values()),
)


def chunk_tables(
    parts: Sequence[Part], chunks: Sequence[Chunk], layout: Layout, exact: bool
) -> Tables:
    """A table for each chunk of a call.

    Args:
        parts: the images of the call.
        chunks: their tiles.
        layout: of the output.
        exact: whether the features are float64; others are summed in float32.
    """
    weights = np.float64 if exact else np.float32
    key = (tuple(parts), tuple(chunks), layout, weights)
    return _TABLES.get(key, lambda: _make_tables(parts, chunks, layout, weights))


def _make_tables(
    parts: Sequence[Part], chunks: Sequence[Chunk], layout: Layout, dtype: type
) -> Tables:
    entries = _Entries(parts, layout)
    found = [entries.of_chunk(chunk) for chunk in chunks]
    last_chunk = np.zeros(layout.num_rows, np.int64)
    for number, (_, rows, _) in enumerate(found):
        last_chunk[rows] = number
    position = np.empty(layout.num_rows, np.int64)
    open_rows = np.empty(0, np.int64)
    tables = []
    for number, (tokens, rows, weights) in enumerate(found):
        touched = np.union1d(open_rows, rows)
        is_last = last_chunk[touched] == number
        finished, still_open = touched[is_last], touched[~is_last]
        position[np.concatenate([finished, still_open])] = np.arange(len(touched))
        tables.append(
            ChunkTable(
                tokens=tokens,
                weights=weights.astype(dtype)[:, None],
                sums=position[rows],
                handed_on=position[open_rows] if len(open_rows) else None,
                finished=finished,
                num_sums=len(touched),
                cells_hw=entries.cells_of(chunks[number][0]),
            )
        )
        open_rows = still_open
    return tuple(tables)


Entries = tuple[Ints, Ints, Floats]
"""Token of the tile or chunk, row of the output, weight; three arrays of one length."""


class _Entries:
    """What each tile adds to the output."""

    def __init__(self, parts: Sequence[Part], layout: Layout) -> None:
        self._parts, self._layout = parts, layout
        self._pooling: dict[tuple[Level, int], GridPooling] = {}
        self._tiles: dict[tuple[Level, int, int, int, int], Entries] = {}

    def cells_of(self, span: Span) -> HW:
        """Cells of a tile."""
        return self._layout.cells_of(self._parts[span.part].levels[span.slot].tile_hw)

    def of_chunk(self, chunk: Chunk) -> Entries:
        """All tiles of a chunk, one after the other."""
        layout, first_tile = self._layout, 0
        found: list[Entries] = []
        for span in chunk:
            level = self._parts[span.part].levels[span.slot]
            height, width = self.cells_of(span)
            per_tile = layout.num_prefix + height * width
            tile = (level, span.slot, span.grid, span.row, span.column)
            if tile not in self._tiles:
                self._tiles[tile] = self._of_tile(level, span)
            tokens, places, weights = self._tiles[tile]
            index = np.arange(span.num)[:, None]
            rows = (span.first + index) * (layout.num_tokens * layout.num_slots) + places
            found.append(
                (
                    ((first_tile + index) * per_tile + tokens).ravel(),
                    rows.ravel(),
                    np.broadcast_to(weights, rows.shape).ravel(),
                )
            )
            first_tile += span.num
        tokens, rows, weights = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
        return tokens, rows, weights

    def _of_tile(self, level: Level, span: Span) -> Entries:
        """Tokens of the tile, rows of the output for an image 0, weights."""
        layout = self._layout
        tile = self._weights(level, span)
        slots = np.arange(layout.num_slots)
        cells = (layout.num_prefix + tile.cells, layout.out_prefix + tile.outputs, tile.weights)
        prefix = np.arange(layout.out_prefix)
        share = np.full(len(prefix), 1 / level.num_tiles)
        found = [(*cells, slots[span.slot : span.slot + 1])]
        if layout.prefix == "mean":
            found.append((prefix, prefix, share, slots[span.slot : span.slot + 1]))
        elif layout.prefix == "base" and span.slot == 0:
            found.append((prefix, prefix, share, slots))
        entries = [
            (
                np.repeat(tokens, len(to)),
                (places[:, None] * layout.num_slots + to).ravel(),
                np.repeat(weights, len(to)),
            )
            for tokens, places, weights, to in found
        ]
        tokens, rows, weights = (np.concatenate(arrays) for arrays in zip(*entries, strict=True))
        return tokens, rows, weights

    def _weights(self, level: Level, span: Span) -> TileWeights:
        key = (level, span.grid)
        if key not in self._pooling:
            grid, cells_hw = level.grids[span.grid], self.cells_of(span)
            self._pooling[key] = GridPooling(level, grid, cells_hw, self._layout.grid_hw)
        tile = self._pooling[key].tile(span.row, span.column)
        return TileWeights(tile.cells, tile.outputs, tile.weights / len(level.grids))
