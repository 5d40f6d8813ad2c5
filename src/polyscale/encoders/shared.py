"""What all encoders take, and how they resize maps."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from polyscale.errors import InputError
from polyscale.operator.multiscale import MultiScale
from polyscale.types import HW, Backbone


def as_multiscale(multiscale: MultiScale | Backbone) -> MultiScale:
    """A `MultiScale` as it is; a backbone at scale 1 and frozen.

    Raises:
        InputError: if it is neither.
    """
    if isinstance(multiscale, MultiScale):
        return multiscale
    if not isinstance(multiscale, Backbone):
        raise InputError(
            "multiscale must be a MultiScale or a Backbone, but got "
            f"{type(multiscale).__name__}. Make one with polyscale.wrap."
        )
    return MultiScale(multiscale, scales=(1,), frozen=True)


def resize_map(
    map_: Float[Tensor, "batch channels h w"], out_hw: HW
) -> Float[Tensor, "batch channels out_h out_w"]:
    """Means of cells where the map shrinks, bilinear where it grows, itself where it fits."""
    height, width = map_.shape[-2:]
    shrunk_hw = (min(height, out_hw[0]), min(width, out_hw[1]))
    if shrunk_hw != (height, width):
        map_ = F.adaptive_avg_pool2d(map_, shrunk_hw)
    if shrunk_hw != out_hw:
        map_ = F.interpolate(map_, out_hw, mode="bilinear", align_corners=False)
    return map_
