"""A call before it runs: which tiles in which chunks, where their features go, and their pixels."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from polyscale.operator.multiscale.inputs import level_crops
from polyscale.operator.multiscale.picture import Picture
from polyscale.operator.multiscale.precision import no_autocast
from polyscale.operator.multiscale.resize import Box, Crop
from polyscale.operator.multiscale.stream import Chunk, Part, Span
from polyscale.operator.multiscale.tables import Layout, Tables
from polyscale.operator.plan import Level

Tiles = Float[Tensor, "tiles channels tile_h tile_w"]


@dataclass(frozen=True, eq=False)
class CallPlan:
    """Everything about a call that depends on the sizes of its images alone.

    Attributes:
        parts: the images, as they are cut.
        chunks: their tiles.
        layout: of the output.
        tables: where the features of each chunk go.
    """

    parts: tuple[Part, ...]
    chunks: tuple[Chunk, ...]
    layout: Layout
    tables: Tables


@dataclass(frozen=True, eq=False)
class Prepared:
    """A call that is ready to run, as often as wanted.

    Attributes:
        plan: of the call.
        device: where its tiles are.
        make_tiles: gives the tiles of each chunk.
    """

    plan: CallPlan
    device: torch.device
    make_tiles: Callable[[], Iterable[Tiles]]


def tile_chunks(
    plan: CallPlan,
    images: Sequence[Tensor | Picture],
    device: torch.device,
    dtype: torch.dtype,
) -> Iterator[Tiles]:
    """The pixels of each chunk, made when it is due, so that never more than a chunk stands.

    Args:
        plan: of the call.
        images: what the levels of each part are resized from.
        device: where the tiles are to be.
        dtype: of the tiles.
    """
    cut = _Cutter(plan, images)
    for chunk in plan.chunks:
        yield cut(chunk, device, dtype)


class _Cutter:
    """Cuts tiles; of all levels only the one that the last tile came from stands ready."""

    def __init__(self, plan: CallPlan, images: Sequence[Tensor | Picture]) -> None:
        self._plan, self._images = plan, images
        self._opened = (-1, -1)
        self._crop: Crop | None = None

    def __call__(self, chunk: Chunk, device: torch.device, dtype: torch.dtype) -> Tiles:
        with no_autocast(device):
            if device.type == "cpu":  # pieces in float32 would take twice the memory of a chunk
                return torch.cat([self._cut(span).to(dtype) for span in chunk])
            return torch.cat([self._cut(span) for span in chunk]).to(device, dtype)

    def _cut(self, span: Span) -> Tiles:
        part = self._plan.parts[span.part]
        level = part.levels[span.slot]
        if self._crop is None or self._opened != (span.part, span.slot):
            self._crop = None  # before the next level is made
            self._crop = level_crops(self._images[span.part], level.image_hw)
            self._opened = (span.part, span.slot)
        start = span.first - part.first
        return self._crop(_box(level, span), slice(start, start + span.num))


def _box(level: Level, span: Span) -> Box:
    """Edges of the tile in pixels of its level."""
    grid = level.grids[span.grid]
    top, left = grid.tops[span.row], grid.lefts[span.column]
    return top, left, top + level.tile_hw[0], left + level.tile_hw[1]
