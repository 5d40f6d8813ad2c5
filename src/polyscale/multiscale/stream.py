"""Tiles of all levels and images as one stream, cut into chunks that fit the memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from polyscale.plan import Level

Box = tuple[int, int, int, int]
Crop = Callable[[Box], Float[Tensor, "batch 3 tile_h tile_w"]]
"""Top, left, bottom and right edge in pixels of the level → that part of the images."""

OpenLevel = Callable[[Level], Crop]
"""Makes a level ready to be cropped; called when its first tile is due."""


@dataclass(frozen=True)
class Group:
    """Images that are cut alike.

    Attributes:
        levels: their scales and tiles.
        open_level: gives their pixels.
        images: which images of the call.
    """

    levels: tuple[Level, ...]
    open_level: OpenLevel
    images: slice


@dataclass(frozen=True)
class Span:
    """Neighbours in a chunk: the same tile of the same level, of some images in a row.

    Attributes:
        level: the level.
        slot: index of the level among the levels of its group.
        grid: index of the grid of tiles in the level.
        row: row of the tile in the grid.
        column: its column.
        images: which images of the call.
    """

    level: Level
    slot: int
    grid: int
    row: int
    column: int
    images: slice

    def __len__(self) -> int:
        return self.images.stop - self.images.start


Chunk = tuple[Float[Tensor, "tiles 3 tile_h tile_w"], list[Span]]


def tile_chunks(groups: Sequence[Group], tile_batch: Callable[[], int | None]) -> Iterator[Chunk]:
    """Cut the stream of tiles into chunks.

    The order is group, level, grid, row, column, image. A chunk may hold tiles of several levels
    and groups, unless their tile sizes differ.

    Args:
        groups: the images.
        tile_batch: asked before each tile how many tiles a chunk has, as memory may turn out to be
            short; None for all tiles of one level.
    """
    pieces: list[Tensor] = []
    spans: list[Span] = []
    for group in groups:
        for slot, level in enumerate(group.levels):
            if spans and (tile_batch() is None or level.tile_hw != spans[-1].level.tile_hw):
                yield torch.cat(pieces), spans
                pieces, spans = [], []
            for span, tile in _tiles(group, slot, level):
                start = 0
                while start < len(span):
                    limit = tile_batch()
                    room = len(span) if limit is None else limit - sum(map(len, spans))
                    stop = min(len(span), start + max(1, room))
                    spans.append(_part(span, start, stop))
                    pieces.append(tile[start:stop])
                    start = stop
                    if limit is not None and sum(map(len, spans)) >= limit:
                        yield torch.cat(pieces), spans
                        pieces, spans = [], []
    if spans:
        yield torch.cat(pieces), spans


def _tiles(group: Group, slot: int, level: Level) -> Iterator[tuple[Span, Tensor]]:
    """Every tile of a level, of all images of the group at once."""
    crop = group.open_level(level)
    height, width = level.tile_hw
    for index, grid in enumerate(level.grids):
        for row, top in enumerate(grid.tops):
            for column, left in enumerate(grid.lefts):
                tile = crop((top, left, top + height, left + width))
                yield Span(level, slot, index, row, column, group.images), tile


def _part(span: Span, start: int, stop: int) -> Span:
    first = span.images.start
    images = slice(first + start, first + stop)
    return Span(span.level, span.slot, span.grid, span.row, span.column, images)
