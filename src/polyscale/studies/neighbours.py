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

Gaps = Bool[np.ndarray, " gaps"]
"""Which gaps between neighbouring rows of cells, then which between neighbouring columns."""


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
        """Mean over the gaps of both directions."""
        rows, columns = np.split(gaps, [len(self.down)])
        down, across = self.down[rows], self.across[:, columns]
        return float((down.sum() + across.sum()) / (down.size + across.size))

    def at_cells(self) -> Float[np.ndarray, "rows-1 columns-1"]:
        """The larger of each cell's distances to its neighbours at the right and below."""
        return np.maximum(self.down[:, :-1], self.across[:-1])


def gaps_at_edges(levels: Iterable[Level], cells_hw: HW) -> Gaps:
    """The gaps at which tiles have an edge; where it lies inside a cell, those on both sides."""
    at_edges = [np.zeros(num - 1, dtype=bool) for num in cells_hw]
    for level in levels:
        for grid in level.grids:
            for axis, starts in enumerate((grid.tops, grid.lefts)):
                cell_px = level.image_hw[axis] / cells_hw[axis]
                gaps_px = np.arange(1, cells_hw[axis]) * cell_px
                for edge in {*starts, *(start + level.tile_hw[axis] for start in starts)}:
                    if 0 < edge < level.image_hw[axis]:
                        at_edges[axis] |= np.abs(gaps_px - edge) < cell_px * (1 - 1e-9)
    return np.concatenate(at_edges)


def seams_between(distances: Iterable[Distances], border: Gaps, interior: Gaps) -> Seams:
    """How much neighbours across these gaps differ, image by image."""
    pairs = [(d.mean(border), d.mean(interior)) for d in distances]
    at_border, inside = np.array(pairs).T
    return Seams(at_border, inside)
