"""The tiles of all images and levels as one stream, cut into chunks of nearly equal size."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from polyscale.errors import InputError
from polyscale.operator.plan import Level
from polyscale.types import HW

BLOCK = 4
"""Images that go through a level of several tiles together. Their tiles are made at once, which
takes little memory beside a chunk."""


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


class Span(NamedTuple):
    """Neighbours in a chunk: the same tile of the same level, of consecutive images.

    Attributes:
        part: index of the part that the images belong to.
        slot: index of the level among the levels of the part.
        tile: index of the tile among the tiles of the level.
        box_yxyx: the edges of the tile, in pixels of the level.
        first: index of the first image in the call.
        num: number of images.
    """

    part: int
    slot: int
    tile: int
    box_yxyx: tuple[int, int, int, int]
    first: int
    num: int


Chunk = tuple[Span, ...]


def plan_chunks(
    parts: Sequence[Part], tile_batch: Mapping[HW, int], *, rank: int = 0, num_ranks: int = 1
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

    def tile_hw_of(tile: Span) -> HW:
        return parts[tile.part].levels[tile.slot].tile_hw

    sizes = dict.fromkeys(level.tile_hw for part in parts for level in part.levels)
    stream = [tile for tile_hw in sizes for tile in _tiles(parts, tile_hw)]
    if len(stream) < num_ranks:
        raise InputError(
            f"distributed must have at least one tile for each of {num_ranks} processes, but "
            f"there are {len(stream)}. Give more images or scales, or set distributed=False."
        )
    chunks: list[Chunk] = []
    for tile_hw, group in groupby(_split(stream, num_ranks)[rank], tile_hw_of):
        alike = list(group)
        pieces = _split(alike, math.ceil(len(alike) / tile_batch[tile_hw]))
        chunks += [_join(piece) for piece in pieces]
    return tuple(chunks)


def _tiles(parts: Sequence[Part], tile_hw: HW) -> Iterator[Span]:
    """All tiles of one size, each on its own."""
    for index, part in enumerate(parts):
        for slot, level in enumerate(part.levels):
            if level.tile_hw != tile_hw:
                continue
            for start in range(0, part.num, BLOCK):
                block = range(part.first, part.first + part.num)[start : start + BLOCK]
                for tile, box_yxyx in enumerate(level.boxes_yxyx):
                    for image in block:
                        yield Span(index, slot, tile, box_yxyx, image, 1)


def _split(stream: Sequence[Span], num: int) -> list[Sequence[Span]]:
    """So many pieces, whose lengths differ by at most one."""
    edges = [len(stream) * i // num for i in range(num + 1)]
    return [stream[edges[i] : edges[i + 1]] for i in range(num)]


def _join(tiles: Sequence[Span]) -> Chunk:
    """A chunk in which tiles that differ in the image alone are one span."""
    chunk = []
    for _, group in groupby(tiles, lambda tile: tile[:4]):
        images = list(group)
        chunk.append(images[0]._replace(num=len(images)))
    return tuple(chunk)
