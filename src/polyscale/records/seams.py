"""Seams: how much features disagree across tile borders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float, UInt8

CONTROL = "untiled"
"""Name of the control among ways."""

JOIN = " = "
"""Between the names of ways that come to the same tiles."""


@dataclass(frozen=True, eq=False)
class Seams:
    """Cosine distance of neighbouring cells, 0 to 2, averaged over both directions.

    Attributes:
        border_each: of neighbours with a tile border between them, for each image.
        interior_each: of other neighbours, for each image.
    """

    border_each: Float[np.ndarray, " images"]
    interior_each: Float[np.ndarray, " images"]

    @property
    def border(self) -> float:
        """Across borders, mean over images."""
        return float(self.border_each.mean())

    @property
    def interior(self) -> float:
        """Elsewhere, mean over images."""
        return float(self.interior_each.mean())

    @property
    def num_images(self) -> int:
        """Images."""
        return len(self.border_each)

    @property
    def excess(self) -> float:
        """How much more neighbours differ across borders: 0 is no seam, 1 twice as much."""
        return self.border / self.interior - 1


@dataclass(frozen=True, kw_only=True, eq=False)
class WaySeams:
    """The seams that one way of cutting leaves.

    Attributes:
        name: of the way; `CONTROL` is the model run on one large tile.
        num_tiles: how often the model runs at this scale; 1 of the control's, larger, tile.
        seams: at the borders of the plain grid, whatever this way's own tiles.
        excess_ci: 95 % interval of the excess over images; None for one image.
        change: excess less that of the plain grid; None for the plain grid.
        change_ci: its paired 95 % interval.
        over_control: excess less that of the control; None for the control, or where it is absent.
        over_control_ci: its paired 95 % interval.
        added_excess: the excess at edges of tiles where the plain grid has none; None where there
            are none.
        disagreement: of one image: distance of each cell to its neighbour at the right or below,
            whichever is larger.
    """

    name: str
    num_tiles: int
    seams: Seams
    excess_ci: tuple[float, float] | None
    change: float | None
    change_ci: tuple[float, float] | None
    over_control: float | None
    over_control_ci: tuple[float, float] | None
    added_excess: float | None
    disagreement: Float[np.ndarray, "rows columns"]


@dataclass(frozen=True, kw_only=True, eq=False)
class SeamReport:
    """Ways of cutting the same images, side by side.

    Attributes:
        model: name of the backbone.
        scale: at which the images were cut.
        num_images: images.
        image: the first of them as it was resized.
        ways: the plain grid first; the control last, where there is one.
    """

    model: str
    scale: float
    num_images: int
    image: UInt8[np.ndarray, "h w 3"]
    ways: tuple[WaySeams, ...]
