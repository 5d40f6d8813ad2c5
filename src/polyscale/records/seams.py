"""How much features differ across tile borders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float, UInt8

CONTROL = "untiled"
"""Name of the control: the model run on one large tile."""

JOIN = " = "
"""Stands between the names of ways of cutting that give the same tiles."""


@dataclass(frozen=True, eq=False)
class Seams:
    """Cosine distance of neighbouring cells, 0 to 2, of each image: at borders and elsewhere."""

    border_each: Float[np.ndarray, " images"]
    interior_each: Float[np.ndarray, " images"]

    @property
    def border(self) -> float:
        """Mean over images of the distance across borders."""
        return float(self.border_each.mean())

    @property
    def interior(self) -> float:
        """Mean over images of the other distances."""
        return float(self.interior_each.mean())

    @property
    def num_images(self) -> int:
        """Number of images."""
        return len(self.border_each)

    @property
    def excess(self) -> float:
        """How much more neighbours differ across borders: 0 is no seam, 1 is twice as much."""
        return self.border / self.interior - 1


@dataclass(frozen=True, kw_only=True, eq=False)
class WaySeams:
    """The seams that one way of cutting leaves.

    Attributes:
        name: of the way, or `CONTROL`.
        num_tiles: how often the model runs at this scale; 1 for the control's larger tile.
        seams: at the borders of the plain grid, wherever this way's own borders are.
        excess_ci: 95 % interval of the excess over images; None for one image.
        change: excess less that of the plain grid, with its paired 95 % interval; None for the
            plain grid.
        over_control: excess less that of the control, with its paired 95 % interval; None for the
            control, or if there is none.
        added_excess: excess at those borders of this way where the plain grid has none; None if
            there are no such borders.
        disagreement: of one image: distance of each cell to its neighbour on the right or below,
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
    """Ways of cutting the same images at one scale.

    The plain grid is the first of `ways`; the control is the last, if there is one. `image` is the
    first image after resizing.
    """

    model: str
    scale: float
    num_images: int
    image: UInt8[np.ndarray, "h w 3"]
    ways: tuple[WaySeams, ...]
