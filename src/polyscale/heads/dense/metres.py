"""What all depth heads share: the range of depths, and predictions finer than the grid."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from polyscale.errors import InputError
from polyscale.heads.dense.silog import silog_loss
from polyscale.types import HW

Coarse = Float[Tensor, "batch 1 h w"]
"""Depth in metres at a head's own resolution."""


def check_range(min_depth_m: float, max_depth_m: float) -> None:
    """Raise InputError unless 0 < min < max."""
    if not 0 < min_depth_m < max_depth_m:
        raise InputError(
            "min_depth_m must be above 0 and below max_depth_m, but got "
            f"{min_depth_m:g} and {max_depth_m:g}."
        )


def sigmoid_metres(logits: Tensor, min_depth_m: float, max_depth_m: float) -> Tensor:
    """Any number to a depth in the range.

    The usual sigmoid × max depth gives depths below the least, whose logarithms run away; with
    the 1 mm of NYUv2 the difference is nil.
    """
    return min_depth_m + (max_depth_m - min_depth_m) * logits.float().sigmoid()


def resize_metres(depth_m: Coarse, out_hw: HW) -> Coarse:
    """Bilinear, pixel centres at halves; never leaves the range of what it is given."""
    return F.interpolate(depth_m, out_hw, mode="bilinear", align_corners=False)


def coarse_loss(
    depth_m: Coarse, target_m: Float[Tensor, "batch label_h label_w"], range_m: tuple[float, float]
) -> Float[Tensor, ""]:
    """SiLog loss at a head's own resolution, against the pixel in the middle of each cell.

    Pixels are taken and not averaged: a mean across an edge is a depth that is nowhere. At the
    size of the pictures the linear head's steps take five times as long on a CPU, and it learns no
    more from them (rooms, 7×7 cells, 40 steps: RMSE 0.440 m both ways).

    Args:
        depth_m: predicted.
        target_m: of any size; NaN is unknown.
        range_m: least and most depth that is learned from.
    """
    middle = F.interpolate(target_m[:, None], depth_m.shape[-2:], mode="nearest-exact")
    return silog_loss(depth_m[:, 0], middle[:, 0], min_m=range_m[0], max_m=range_m[1])
