"""Tiles of all levels and images as one stream, cut into chunks that fit the memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from polyscale.plan import Level
from polyscale.types import HW

MAX_PIECE = 4
"""Images whose tiles are made at once: what it takes to make them is small beside a chunk."""

Box = tuple[int, int, int, int]
Crop = Callable[[Box, slice], Float[Tensor, "some 3 tile_h tile_w"]]
"""Top, left, bottom and right edge in pixels of the level, and which images of the group → that
part of these images."""

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


TileBatch = Callable[[HW], int | None]
"""Size of tiles in pixels → how many go into a chunk; None for all of one level."""

Chunk = tuple[Float[Tensor, "tiles 3 tile_h tile_w"], list[Span]]


def tile_chunks(groups: Sequence[Group], tile_batch: TileBatch) -> Iterator[Chunk]:
    """Cut the stream of tiles into chunks.

    The order is group, level, grid, row, column, image. A chunk may hold tiles of several levels
    and groups, unless their tile sizes differ. Pixels are made as the chunk is filled, so that
    never more than a chunk of them stands.

    Args:
        groups: the images.
        tile_batch: asked before each tile, as memory may turn out to be short.
    """
    pieces: list[Tensor] = []
    spans: list[Span] = []
    for group in groups:
        for slot, level in enumerate(group.levels):
            limit = tile_batch(level.tile_hw)
            if spans and (limit is None or level.tile_hw != spans[-1].level.tile_hw):
                yield _take(pieces, spans)
            crop = group.open_level(level)
            for box, whole in _tiles(group, slot, level):
                start = 0
                while start < len(whole):
                    limit = tile_batch(level.tile_hw)
                    room = len(whole) if limit is None else limit - sum(map(len, spans))
                    stop = min(
                        len(whole), start + max(1, room if limit is None else min(room, MAX_PIECE))
                    )
                    pieces.append(crop(box, slice(start, stop)))
                    spans.append(_part(whole, start, stop))
                    start = stop
                    if limit is not None and sum(map(len, spans)) >= limit:
                        yield _take(pieces, spans)
    if spans:
        yield _take(pieces, spans)


def _take(pieces: list[Tensor], spans: list[Span]) -> Chunk:
    """The chunk; nothing of it is held here while it runs."""
    chunk = torch.cat(pieces), list(spans)
    pieces.clear()
    spans.clear()
    return chunk


def _tiles(group: Group, slot: int, level: Level) -> Iterator[tuple[Box, Span]]:
    """Every tile of a level, of all images of the group at once."""
    height, width = level.tile_hw
    for index, grid in enumerate(level.grids):
        for row, top in enumerate(grid.tops):
            for column, left in enumerate(grid.lefts):
                box = (top, left, top + height, left + width)
                yield box, Span(level, slot, index, row, column, group.images)


def _part(span: Span, start: int, stop: int) -> Span:
    first = span.images.start
    return replace(span, images=slice(first + start, first + stop))
