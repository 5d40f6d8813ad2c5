"""Resizing images that are tensors, a part at a time."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from polyscale.operator.multiscale.precision import at_least_float32
from polyscale.operator.multiscale.resample import resample_tensor
from polyscale.types import HW

Box = tuple[int, int, int, int]
"""Top, left, bottom and right edge, in pixels. A box may reach beyond the image."""

Crop = Callable[[Box, slice], Float[Tensor, "some channels box_h box_w"]]
"""A box, and which images of a batch → that part of these images."""


def resize(
    images: Float[Tensor, "batch channels h w"], size_hw: HW
) -> Float[Tensor, "batch channels new_h new_w"]:
    """Bicubic resampling, antialiased where the image shrinks, in float32 at least and cast back.

    Where it grows there is nothing to smooth, and the reference package's kernel is used.

    Args:
        images: any value range.
        size_hw: in pixels.
    """
    return resized_crops(images, size_hw)((0, 0, *size_hw), slice(None)).to(images.dtype)


def resized_crops(images: Float[Tensor, "batch channels h w"], size_hw: HW) -> Crop:
    """Parts of the images resized, equal to crops of `resize`, in float32 at least.

    What lies beyond the image is 0. On a CPU, images that grow are never resized as a whole: each
    part is made when it is asked for. A smaller size stands whole, as the images themselves do. On
    other devices, where many small steps cost more than memory, and while a call is traced, it
    always does.
    """
    height, width = images.shape[-2:]
    grows = size_hw[0] >= height and size_hw[1] >= width and (height, width) != size_hw
    if grows and images.device.type == "cpu" and not torch.compiler.is_compiling():
        return lambda box, some: pad_crop(
            lambda inside: resample_tensor(images[some], size_hw, inside), size_hw, box
        )
    whole = _whole(images, size_hw)
    return lambda box, some: pad_crop(
        lambda inside: whole[some, :, inside[0] : inside[2], inside[1] : inside[3]], size_hw, box
    )


def pad_crop(crop: Callable[[Box], Tensor], size_hw: HW, box: Box) -> Tensor:
    """A box of an image; what lies beyond the image is 0.

    Args:
        crop: a box inside the image → that part of it.
        size_hw: of the image, in pixels.
        box: the box.
    """
    top, left, bottom, right = box
    inside = (max(0, top), max(0, left), min(bottom, size_hw[0]), min(right, size_hw[1]))
    padding = (inside[1] - left, right - inside[3], inside[0] - top, bottom - inside[2])
    values = crop(inside)
    return F.pad(values, padding) if any(padding) else values


def _whole(images: Tensor, size_hw: HW) -> Tensor:
    height, width = images.shape[-2:]
    if (height, width) == size_hw:
        return images
    antialias = size_hw[0] < height or size_hw[1] < width
    wide = images.to(at_least_float32(images.dtype))
    return F.interpolate(wide, size=size_hw, mode="bicubic", antialias=antialias)
