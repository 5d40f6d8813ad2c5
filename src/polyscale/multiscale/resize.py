"""Resizing images in float32."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from polyscale.types import HW


def resize(
    images: Float[Tensor, "batch 3 h w"], size_hw: HW, *, antialias: bool
) -> Float[Tensor, "batch 3 size_h size_w"]:
    """Bicubic resampling, computed in float32 and cast back.

    Args:
        images: any value range.
        size_hw: in pixels.
        antialias: smooth where the image shrinks. The reference package does not. Where it grows
            there is nothing to smooth, and torch's antialiased kernel is a slightly different one.
    """
    height, width = images.shape[-2:]
    if (height, width) == size_hw:
        return images
    antialias = antialias and (size_hw[0] < height or size_hw[1] < width)
    resized = F.interpolate(
        images.to(torch.float32), size=size_hw, mode="bicubic", antialias=antialias
    )
    return resized.to(images.dtype)
