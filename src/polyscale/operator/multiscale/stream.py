"""The tiles of all images and levels as one stream, cut into chunks of nearly equal size."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from polyscale.errors import InputError
from polyscale.operator.plan import Level
from polyscale.types import HW

BLOCK = 4
"""Images that go through a level together. Their tiles are made at once, which takes little memory
beside a chunk, and the cells that several chunks share are those of one block."""


@dataclass(frozen=True)
class Part:
    """Images of a call that are cut alike: those of one batch, or one of a list.

    Attributes:
        levels: their scales and tiles.
        first: index of the first of them in the call.
        num: how many there are.
    """

    levels: tuple[Level, ...]
    first: int
    num: int


@dataclass(frozen=True)
class Span:
    """Neighbours in a chunk: the same tile of the same level, of some images in a row.

    Attributes:
        part: index of the part that the images belong to.
        slot: index of the level among the levels of the part.
        grid: index of the grid of tiles in the level.
        row: row of the tile in the grid.
        column: column of the tile in the grid.
        first: index of the first image in the call.
        num: number of images.
    """

    part: int
    slot: int
    grid: int
    row: int
    column: int
    first: int
    num: int


Chunk = tuple[Span, ...]


def plan_chunks(
    parts: Sequence[Part],
    tile_batch: Callable[[HW], int],
    *,
    rank: int = 0,
    num_ranks: int = 1,
) -> tuple[Chunk, ...]:
    """Cut the stream of tiles into chunks.

    The order is tile size, part, level, block of images, tile, image. A chunk holds tiles of one
    size, of any levels and images. Chunks of one tile size differ by at most one tile.

    Args:
        parts: the images of the call.
        tile_batch: size of a tile in pixels → the most tiles of a chunk.
        rank: which process this is, where several share the tiles evenly.
        num_ranks: how many processes share the tiles.

    Raises:
        InputError: if there are fewer tiles than processes.
    """

    def tile_hw_of(span: Span) -> HW:
        return parts[span.part].levels[span.slot].tile_hw

    sizes = dict.fromkeys(level.tile_hw for part in parts for level in part.levels)
    spans: Sequence[Span] = [span for tile_hw in sizes for span in _spans(parts, tile_hw)]
    if num_ranks > 1:
        spans = _share(spans, rank, num_ranks)
    chunks: list[Chunk] = []
    for tile_hw, alike in groupby(spans, tile_hw_of):
        members = tuple(alike)
        total = num_tiles(members)
        chunks += _cut(members, _even(total, math.ceil(total / tile_batch(tile_hw))))
    return tuple(chunks)


def num_tiles(spans: Sequence[Span]) -> int:
    """Tiles of some spans."""
    return sum(span.num for span in spans)


def _spans(parts: Sequence[Part], tile_hw: HW) -> Iterator[Span]:
    """All tiles of one size."""
    for index, part in enumerate(parts):
        for slot, level in enumerate(part.levels):
            if level.tile_hw != tile_hw:
                continue
            for start in range(0, part.num, BLOCK):
                first, num = part.first + start, min(BLOCK, part.num - start)
                for grid, tiles in enumerate(level.grids):
                    for row in range(len(tiles.tops)):
                        for column in range(len(tiles.lefts)):
                            yield Span(index, slot, grid, row, column, first, num)


def _share(spans: Sequence[Span], rank: int, num_ranks: int) -> Chunk:
    """The tiles of one process."""
    total = num_tiles(spans)
    if total < num_ranks:
        raise InputError(
            f"distributed must have at least one tile for each of {num_ranks} processes, but "
            f"there are {total}. Give more images or scales, or set distributed=False."
        )
    return _cut(spans, _even(total, num_ranks))[rank]


def _even(total: int, num: int) -> list[int]:
    """Whole numbers that differ by at most one and add up to the total."""
    share, rest = divmod(total, num)
    return [share + (i < rest) for i in range(num)]


def _cut(spans: Sequence[Span], sizes: Sequence[int]) -> list[Chunk]:
    """Pieces of so many tiles each; spans are divided where a piece ends inside of them."""
    rest = list(reversed(spans))
    pieces = []
    for size in sizes:
        piece: list[Span] = []
        while size:
            span = rest.pop()
            taken = min(size, span.num)
            piece.append(span if taken == span.num else replace(span, num=taken))
            if taken < span.num:
                rest.append(replace(span, first=span.first + taken, num=span.num - taken))
            size -= taken
        pieces.append(tuple(piece))
    return pieces
