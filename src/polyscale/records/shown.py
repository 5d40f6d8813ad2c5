"""What `polyscale show` draws: one picture on its way through the operator."""

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
        scale: relative to the model's own size.
        image: the picture as it is resized for this scale.
        tile_hw: size of a tile, in pixels.
        boxes_yxyx: top, left, bottom and right edge of each tile, in pixels of `image`; they may
            reach beyond it, which is padding.
        stitched: features at the scale's own resolution, before they are pooled.
        stitched_rgb: the same as colours, 0 to 1.
        pooled_rgb: the features pooled onto the output grid, as colours, 0 to 1.
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
    """A picture, its scales and what they are fused to.

    Attributes:
        model: name of the backbone.
        dim: channels of one scale.
        image: the picture as it was given.
        scales: in the order in which they are concatenated.
        fused: the operator's output.
        fused_rgb: the same as colours, 0 to 1.
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
