"""What `MultiScale` is called with, checked, as parts whose images are cut alike."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from polyscale.errors import InputError
from polyscale.operator.multiscale.picture import Picture
from polyscale.operator.multiscale.resize import resize
from polyscale.types import HW, Source

Images = (
    Float[Tensor, "batch channels h w"]
    | Sequence[Float[Tensor, "channels h w"] | Picture]
    | Picture
    | Mapping[str, Any]
)


def as_parts(images: Images, in_channels: int) -> list[Tensor | Picture]:
    """One batch, or batches of one image each, and pictures.

    Args:
        images: as `MultiScale.forward` takes them.
        in_channels: channels of the images.

    Raises:
        InputError: if they are not images, before any tile runs.
    """
    if isinstance(images, Mapping):
        if "pixel_values" not in images:
            raise InputError(
                f"images must hold 'pixel_values', but holds {', '.join(map(str, images))}. "
                "Give what an image processor returns, with return_tensors='pt'."
            )
        images = images["pixel_values"]
    if isinstance(images, Tensor):
        return [_checked(images, in_channels)]
    if isinstance(images, Picture):
        return [images]
    if isinstance(images, str) or not isinstance(images, Sequence):
        raise InputError(
            f"images must be a batch or a list of images, but got {type(images).__name__}. "
            "Use ms.preprocess for files, PIL images and arrays."
        )
    if not images:
        raise InputError("images must hold at least one image, but is empty.")
    parts = [_single(image, in_channels) for image in images]
    devices = {str(image.device) for image in parts if isinstance(image, Tensor)}
    if len(devices) > 1:
        raise InputError(f"images must be on one device, but are on {' and '.join(devices)}.")
    return parts


def _single(image: Any, in_channels: int) -> Tensor | Picture:
    """An image of a list; a tensor as a batch of one."""
    if isinstance(image, Picture):
        return image
    if not isinstance(image, Tensor):
        raise InputError(
            f"images must be tensors, but got {type(image).__name__}. Use ms.preprocess for "
            "files, PIL images and 8-bit arrays, or return_tensors='pt' of an image processor."
        )
    if image.ndim != 3:
        raise InputError(
            f"images of a list must have the shape ({in_channels}, height, width), but got "
            f"{tuple(image.shape)}. Give a batch on its own, or each of its images."
        )
    return _checked(image[None], in_channels)


def _checked(images: Tensor, in_channels: int) -> Tensor:
    if images.ndim != 4 or images.shape[1] != in_channels or 0 in images.shape:
        raise InputError(
            f"images must have the shape (batch, {in_channels}, height, width), but got "
            f"{tuple(images.shape)}. "
            + ("A single image needs images[None]." if images.ndim == 3 else "Check the layout.")
        )
    if not torch.is_floating_point(images):
        raise InputError(
            f"images must be floating point, but got {images.dtype}. Use ms.preprocess for 8-bit "
            "images, or divide by 255 and normalise by the backbone's mean and std."
        )
    # only on a CPU, as a GPU would have to be waited for
    if images.device.type == "cpu" and not torch.compiler.is_compiling():
        bad = _num_not_finite(images.detach())
        if bad:
            raise InputError(
                f"images must be finite, but {bad} of {images.numel()} values are NaN or infinite. "
                "Look for a division by zero in preprocessing."
            )
    return images


def _num_not_finite(images: Tensor) -> int:
    try:
        # one pass without a mask: a sum is finite only if every part is
        if torch.isfinite(images.sum(dtype=torch.float64)):
            return 0
        return int((~torch.isfinite(images)).sum())
    except RuntimeError:  # under vmap, in a trace or of a fake tensor there are no values to see
        return 0


def check_device_of(parts: Sequence[Tensor | Picture], device: torch.device) -> None:
    """Refuse tensors on another device than the model's.

    Raises:
        InputError: with both devices.
    """
    for part in parts:
        if isinstance(part, Tensor) and part.device != device:
            raise InputError(
                f"images must be on the device of the model, {device}, but are on {part.device}. "
                f"Move them: images.to({str(device)!r})."
            )


def num_and_size(part: Tensor | Picture) -> tuple[int, int, int]:
    """How many images, and their height and width in pixels."""
    if isinstance(part, Picture):
        return 1, *part.image_hw
    # the same numbers; a compiler that kept them symbolic compiles for these alone
    num, height, width = (len(range(part.shape[axis])) for axis in (0, 2, 3))
    return num, height, width


def source_of(
    part: Tensor | Picture, source: Source, tile_hw: HW, *, antialias: bool = True
) -> Tensor | Picture:
    """What levels are resized from: the images themselves, or the images at base size."""
    if source == "native":
        return part
    if isinstance(part, Picture):
        return part.box(tile_hw, (0, 0, *tile_hw), antialias=antialias)
    return resize(part, tile_hw, antialias=antialias)
