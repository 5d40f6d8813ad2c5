"""Distances of neighbouring cells, and which of them lie at the edges of tiles."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from polyscale.operator.plan import Level
from polyscale.records.seams import Seams
from polyscale.types import HW

Gaps = tuple[Bool[np.ndarray, " rows"], Bool[np.ndarray, " columns"]]
"""Which gaps between neighbouring rows, and between neighbouring columns, of cells."""


@dataclass(frozen=True)
class Distances:
    """Cosine distances of neighbouring cells of one image."""

    down: Float[np.ndarray, "rows-1 columns"]
    across: Float[np.ndarray, "rows columns-1"]

    @classmethod
    def of(cls, cells: Float[Tensor, "dim rows columns"]) -> "Distances":
        """The distances in one image's map."""
        down = 1 - F.cosine_similarity(cells[:, 1:], cells[:, :-1], dim=0)
        across = 1 - F.cosine_similarity(cells[:, :, 1:], cells[:, :, :-1], dim=0)
        return cls(down.cpu().double().numpy(), across.cpu().double().numpy())

    def mean(self, gaps: Gaps) -> float:
        """Over the gaps of both directions."""
        down, across = self.down[gaps[0]], self.across[:, gaps[1]]
        return float((down.sum() + across.sum()) / (down.size + across.size))

    def at_cells(self) -> Float[np.ndarray, "rows-1 columns-1"]:
        """The larger one of each cell's neighbours at its right and below."""
        return np.maximum(self.down[:, :-1], self.across[:-1])


def gaps_at_edges(levels: Iterable[Level], cells_hw: HW) -> Gaps:
    """The gaps in which an edge of a tile lies; both neighbours of an edge inside a cell."""
    found = tuple(np.zeros(num - 1, dtype=bool) for num in cells_hw)
    for level in levels:
        for grid in level.grids:
            for axis, starts in enumerate((grid.tops, grid.lefts)):
                cell_px = level.image_hw[axis] / cells_hw[axis]
                gaps_px = np.arange(1, cells_hw[axis]) * cell_px
                for start in starts:
                    for edge in (start, start + level.tile_hw[axis]):
                        if 0 < edge < level.image_hw[axis]:
                            found[axis][:] |= np.abs(gaps_px - edge) < cell_px * (1 - 1e-9)
    return found[0], found[1]


def outside(gaps: Gaps) -> Gaps:
    """All other gaps."""
    return ~gaps[0], ~gaps[1]


def seams_between(distances: Iterable[Distances], border: Gaps, interior: Gaps) -> Seams:
    """What neighbours across these gaps differ, image by image."""
    pairs = [(d.mean(border), d.mean(interior)) for d in distances]
    at_border, inside = np.array(pairs).T
    return Seams(at_border, inside)
