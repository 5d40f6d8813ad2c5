"""What `polyscale show` draws: the steps of the operator on one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float, UInt8

    from polyscale.types.backbone import HW


@dataclass(frozen=True, kw_only=True, eq=False)
class ShownScale:
    """One scale of a picture.

    Attributes:
        image: the picture after resizing for this scale.
        tile_hw: in pixels.
        boxes_yxyx: top, left, bottom and right edge of each tile, in pixels of `image`; what
            reaches beyond the image is padding.
        stitched: features at the scale's own resolution; `stitched_rgb` shows them in colours,
            0 to 1.
        pooled_rgb: the features pooled to the output grid, in colours, 0 to 1.
    """

    scale: float
    image: UInt8[np.ndarray, "h w 3"]
    tile_hw: HW
    boxes_yxyx: tuple[tuple[int, int, int, int], ...]
    stitched: Float[np.ndarray, "dim rows columns"]
    stitched_rgb: Float[np.ndarray, "rows columns 3"]
    pooled_rgb: Float[np.ndarray, "grid_h grid_w 3"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Shown:
    """A picture, its scales in the order in which they are joined, and the operator's output.

    `dim` is the number of channels of one scale; `fused_rgb` shows `fused` in colours, 0 to 1.
    """

    model: str
    dim: int
    image: UInt8[np.ndarray, "h w 3"]
    scales: tuple[ShownScale, ...]
    fused: Float[np.ndarray, "channels grid_h grid_w"]
    fused_rgb: Float[np.ndarray, "grid_h grid_w 3"]

    @property
    def num_tiles(self) -> int:
        """How often the backbone ran."""
        return sum(len(scale.boxes_yxyx) for scale in self.scales)
