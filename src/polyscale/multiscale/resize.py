"""Resizing images in float32, a part at a time."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from polyscale.multiscale.resample import resample_tensor
from polyscale.multiscale.stream import Crop
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
    return resized_crops(images, size_hw)((0, 0, *size_hw), slice(None))


def resized_crops(images: Float[Tensor, "batch 3 h w"], size_hw: HW) -> Crop:
    """Parts of the images resized, equal to crops of `resize`.

    On a CPU, images that grow are never resized as a whole: each part is made when it is asked
    for. A smaller size stands whole, as the images themselves do. On other devices, where many
    small steps cost more than memory, it always does.
    """
    height, width = images.shape[-2:]
    grows = size_hw[0] >= height and size_hw[1] >= width
    if (height, width) == size_hw or not grows or images.device.type != "cpu":
        whole = _whole(images, size_hw)
        return lambda box, some: whole[some, :, box[0] : box[2], box[1] : box[3]]
    return lambda box, some: resample_tensor(images[some], size_hw, box).to(images.dtype)


def _whole(images: Tensor, size_hw: HW) -> Tensor:
    height, width = images.shape[-2:]
    if (height, width) == size_hw:
        return images
    shrinks = size_hw[0] < height or size_hw[1] < width
    return interpolate(images, size_hw, antialias=shrinks)


def interpolate(
    images: Float[Tensor, "batch 3 h w"], size_hw: HW, *, antialias: bool = False
) -> Float[Tensor, "batch 3 new_h new_w"]:
    """Torch's bicubic kernels, in float32."""
    resized = F.interpolate(
        images.to(torch.float32), size=size_hw, mode="bicubic", antialias=antialias
    )
    return resized.to(images.dtype)
