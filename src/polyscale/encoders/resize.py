"""A feature map at another size, without parameters."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from polyscale.types import HW


def resize_map(
    map_: Float[Tensor, "batch channels h w"], out_hw: HW
) -> Float[Tensor, "batch channels out_h out_w"]:
    """Means of cells where the map shrinks, bilinear where it grows, itself where it fits.

    Args:
        map_: of the same extent as the result.
        out_hw: cells of the result.
    """
    height, width = map_.shape[-2:]
    shrunk_hw = (min(height, out_hw[0]), min(width, out_hw[1]))
    if shrunk_hw != (height, width):
        map_ = F.adaptive_avg_pool2d(map_, shrunk_hw)
    if shrunk_hw != out_hw:
        map_ = F.interpolate(map_, out_hw, mode="bilinear", align_corners=False)
    return map_
