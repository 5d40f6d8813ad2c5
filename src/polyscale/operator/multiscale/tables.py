"""Index tables: where the features of every chunk go. Plain arrays, which depend on sizes alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from polyscale.operator.multiscale.pooling import Floats, Ints, pool_level
from polyscale.operator.multiscale.stream import Chunk, Part
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
        cells_hw: size of a tile in pixels → cells of its feature map, as pairs.
        num_prefix: prefix tokens that the model gives.
        prefix: what becomes of them.
        out_prefix: prefix tokens of the output.
        num_tokens: tokens of one image in the output. A value and not a property, because compilers
            trace what reads it.
    """

    num_images: int
    num_slots: int
    grid_hw: HW
    cells_hw: tuple[tuple[HW, HW], ...]
    num_prefix: int
    prefix: PrefixRule
    out_prefix: int
    num_tokens: int


@dataclass(frozen=True, eq=False)
class ChunkTable:
    """What becomes of a chunk's tokens: each entry adds a token, times a weight, to the output.

    Arrays, or tensors in a program that is traced.

    Attributes:
        tokens: rows of the chunk's tokens (tiles · (prefix + cells), dim), (entries,).
        weights: (entries, 1).
        rows: rows of the output, which has one for each image, token and slot, in this order;
            (entries,).
        cells_hw: cells of each tile of the chunk.
        moved: the arrays on other devices, where they have been needed.
    """

    tokens: Any
    weights: Any
    rows: Any
    cells_hw: HW
    moved: dict[torch.device, tuple[Tensor, ...]] = field(default_factory=dict)


Tables = tuple[ChunkTable, ...]


def table_tensors(table: ChunkTable, device: torch.device) -> tuple[Tensor, ...]:
    """Tokens, weights and rows of a table on a device; only its first call copies them.

    A function and not a method, because compilers trace it.
    """
    arrays = (table.tokens, table.weights, table.rows)
    if device.type == "cpu" or torch.compiler.is_compiling():
        # not `as_tensor`, which moves arrays to the default device
        return tuple(
            [(a if isinstance(a, Tensor) else torch.from_numpy(a)).to(device) for a in arrays]
        )
    if device not in table.moved:
        with torch.inference_mode(False):
            moved = tuple(torch.from_numpy(a).to(device, non_blocking=True) for a in arrays)
        if any(type(tensor) is not Tensor for tensor in moved):  # of a mode such as fake tensors
            return moved
        table.moved[device] = moved
    return table.moved[device]


def constant_tables(tables: Tables) -> Tables:
    """The tables with tensors instead of arrays, which a traced program keeps as its constants."""
    return tuple(
        replace(
            table,
            tokens=torch.from_numpy(table.tokens),
            weights=torch.from_numpy(table.weights),
            rows=torch.from_numpy(table.rows),
        )
        for table in tables
    )


def num_bytes(tables: Tables) -> int:
    """Bytes of all arrays."""
    return sum(t.tokens.nbytes + t.weights.nbytes + t.rows.nbytes for t in tables)


def chunk_tables(
    parts: Sequence[Part], chunks: Sequence[Chunk], layout: Layout, dtype: type
) -> Tables:
    """A table for each chunk of a call; features are summed in the dtype of the weights."""

    @cache
    def entries_of(level: Level, slot: int) -> list[_Entries]:
        return _level_entries(level, slot, layout)

    cells_of, per_image = dict(layout.cells_hw), layout.num_tokens * layout.num_slots
    tables = []
    for chunk in chunks:
        entries: list[_Entries] = []
        first_token = 0
        for span in chunk:
            level = parts[span.part].levels[span.slot]
            cells_hw = cells_of[level.tile_hw]
            per_tile = layout.num_prefix + cells_hw[0] * cells_hw[1]
            tokens, rows, weights = entries_of(level, span.slot)[span.tile]
            image = np.arange(span.num)[:, None]
            entries.append(
                (
                    (first_token + image * per_tile + tokens).ravel(),
                    ((span.first + image) * per_image + rows).ravel(),
                    np.tile(weights, span.num),
                )
            )
            first_token += span.num * per_tile
        tokens, rows, weights = map(np.concatenate, zip(*entries, strict=True))
        tables.append(ChunkTable(tokens, weights.astype(dtype)[:, None], rows, cells_hw))
    return tuple(tables)


_Entries = tuple[Ints, Ints, Floats]
"""Token of the tile or chunk, row of the output, weight; three arrays of one length."""


def _level_entries(level: Level, slot: int, layout: Layout) -> list[_Entries]:
    """What each tile of a level adds to the rows of an image 0."""
    num_slots, prefix_slots = layout.num_slots, range(0)
    if layout.prefix == "mean":
        prefix_slots = range(slot, slot + 1)
    elif layout.prefix == "base" and slot == 0:
        prefix_slots = range(num_slots)
    prefix = np.arange(layout.out_prefix)
    prefix_tokens = np.tile(prefix, len(prefix_slots))
    prefix_rows = np.add.outer(np.array(prefix_slots, np.int64), prefix * num_slots).ravel()
    shares = np.full(prefix_tokens.shape, 1 / level.num_tiles)
    entries = []
    for tile in pool_level(level, dict(layout.cells_hw)[level.tile_hw], layout.grid_hw):
        cell_rows = (layout.out_prefix + tile.outputs) * num_slots + slot
        tokens = np.concatenate([layout.num_prefix + tile.cells, prefix_tokens])
        rows = np.concatenate([cell_rows, prefix_rows])
        entries.append((tokens, rows, np.concatenate([tile.weights, shares])))
    return entries
