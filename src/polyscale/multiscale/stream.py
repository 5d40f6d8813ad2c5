"""Tiles of all levels and images as one stream, cut into chunks that fit the memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from polyscale.plan import Level

LevelImages = Callable[[Level], Float[Tensor, "batch 3 level_h level_w"]]
"""Gives the images at the size of a level; called once a level, when its first tile is due."""


@dataclass(frozen=True)
class Span:
    """Neighbours in a chunk: the same tile of the same level, of some images in a row.

    Attributes:
        level: index of the level.
        row: row of the tile in the level's grid of tiles.
        column: its column.
        images: which images of the batch.
    """

    level: int
    row: int
    column: int
    images: slice

    def __len__(self) -> int:
        return self.images.stop - self.images.start


Chunk = tuple[Float[Tensor, "tiles 3 tile_h tile_w"], list[Span]]


def tile_chunks(
    levels: Sequence[Level], level_images: LevelImages, tile_batch: int | None
) -> Iterator[Chunk]:
    """Cut the stream of tiles into chunks of `tile_batch`.

    The order is level, row, column, image. A chunk may hold tiles of several levels, unless their
    tile sizes differ. Where `tile_batch` is None, a chunk is all tiles of one level.
    """
    pieces: list[Tensor] = []
    spans: list[Span] = []
    for index, level in enumerate(levels):
        if pieces and (tile_batch is None or level.tile_hw != levels[index - 1].tile_hw):
            yield _chunk(pieces, spans)
            pieces, spans = [], []
        images = level_images(level)
        room = (tile_batch or level.num_tiles * len(images)) - sum(map(len, spans))
        for span, piece in _level_pieces(index, level, images, room, tile_batch):
            pieces.append(piece)
            spans.append(span)
            if tile_batch is not None and sum(map(len, spans)) == tile_batch:
                yield _chunk(pieces, spans)
                pieces, spans = [], []
    if pieces:
        yield _chunk(pieces, spans)


def _level_pieces(
    index: int, level: Level, images: Tensor, room: int, tile_batch: int | None
) -> Iterator[tuple[Span, Tensor]]:
    """The tiles of one level, image by image split where a chunk is full."""
    height, width = level.tile_hw
    for row, top in enumerate(level.tops):
        for column, left in enumerate(level.lefts):
            tile = images[:, :, top : top + height, left : left + width]
            start = 0
            while start < len(images):
                stop = min(len(images), start + room)
                yield Span(index, row, column, slice(start, stop)), tile[start:stop]
                room = room - (stop - start) or tile_batch or room
                start = stop


def _chunk(pieces: list[Tensor], spans: list[Span]) -> Chunk:
    return torch.cat(pieces), spans
