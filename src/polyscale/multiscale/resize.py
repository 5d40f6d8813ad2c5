"""Resizing images in float32."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from polyscale.multiscale.enlarge import enlarge
from polyscale.types import HW


def resize(
    images: Float[Tensor, "batch 3 h w"], size_hw: HW
) -> Float[Tensor, "batch 3 new_h new_w"]:
    """Bicubic resampling, antialiased where the image shrinks, in float32 and cast back.

    Where it grows there is nothing to smooth, and the reference package's kernel is used.

    Args:
        images: any value range.
        size_hw: in pixels.
    """
    height, width = images.shape[-2:]
    if (height, width) == size_hw:
        return images
    images32 = images.to(torch.float32)
    whole = size_hw[0] % height == 0 and size_hw[1] % width == 0
    if whole and images.device.type == "cpu":
        return enlarge(images32, (size_hw[0] // height, size_hw[1] // width)).to(images.dtype)
    shrinks = size_hw[0] < height or size_hw[1] < width
    return interpolate(images32, size_hw, antialias=shrinks).to(images.dtype)


def interpolate(
    images: Float[Tensor, "batch 3 h w"], size_hw: HW, *, antialias: bool = False
) -> Float[Tensor, "batch 3 new_h new_w"]:
    """Torch's bicubic kernels."""
    return F.interpolate(images, size=size_hw, mode="bicubic", antialias=antialias)
