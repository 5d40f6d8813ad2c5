"""A call before it runs: which tiles in which chunks, where their features go, and their pixels."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from polyscale.multiscale.inputs import level_crops
from polyscale.multiscale.picture import Picture
from polyscale.multiscale.precision import no_autocast
from polyscale.multiscale.stream import Chunk, Part, Span
from polyscale.multiscale.tables import Layout, Tables

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
        make_tiles: gives the tiles of each chunk.
    """

    plan: CallPlan
    make_tiles: Callable[[], Iterable[Tiles]]


def tile_chunks(
    plan: CallPlan,
    images: Sequence[Tensor | Picture],
    device: torch.device,
    dtype: torch.dtype | None,
) -> Iterator[Tiles]:
    """The pixels of each chunk, made when it is due, so that never more than a chunk stands.

    Args:
        plan: of the call.
        images: what the levels of each part are resized from.
        device: where the tiles are to be.
        dtype: of the tiles; None for that of the images.
    """
    opened, crop = (-1, -1), None
    for chunk in plan.chunks:
        pieces = []
        with no_autocast(device):
            for span in chunk:
                image, level = images[span.part], plan.parts[span.part].levels[span.slot]
                if crop is None or opened != (span.part, span.slot):
                    opened, crop = (span.part, span.slot), level_crops(image, level.image_hw)
                start = span.first - plan.parts[span.part].first
                pieces.append(crop(_box(plan, span), slice(start, start + span.num)))
            tiles = torch.cat(pieces)
            pieces.clear()
        yield tiles.to(device, dtype)


def _box(plan: CallPlan, span: Span) -> tuple[int, int, int, int]:
    """Edges of the tile in pixels of its level."""
    level = plan.parts[span.part].levels[span.slot]
    grid = level.grids[span.grid]
    top, left = grid.tops[span.row], grid.lefts[span.column]
    return top, left, top + level.tile_hw[0], left + level.tile_hw[1]
