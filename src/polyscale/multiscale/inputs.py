"""What `MultiScale` is called with → groups of images that are cut alike."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from polyscale.errors import InputError
from polyscale.multiscale.picture import Picture
from polyscale.multiscale.resize import resize, resized_crops
from polyscale.multiscale.stream import Box, Crop, Group, OpenLevel
from polyscale.plan import Level, Tiling, plan_levels
from polyscale.types import HW, Source

Images = Float[Tensor, "batch 3 h w"] | Sequence[Float[Tensor, "3 h w"] | Picture] | Picture


def make_groups(
    images: Images,
    tiling: Tiling,
    tile_hw: HW,
    source: Source,
    device: torch.device,
    *,
    needs: torch.device | None = None,
) -> tuple[list[Group], int]:
    """Images in groups, and how many there are.

    Args:
        images: one batch, or a list of images of any sizes.
        tiling: how they are cut.
        tile_hw: the model's own size, in pixels.
        source: what larger scales are resized from.
        device: where tiles of pictures are made.
        needs: device that tensors must be on; None for any.

    Raises:
        InputError: if they are not images, before any tile runs.
    """
    parts = _parts(images)
    for part in parts:
        if isinstance(part, Tensor) and needs is not None and part.device != needs:
            raise InputError(
                f"images must be on the device of the model, {needs}, but are on {part.device}. "
                f"Move them: images.to({str(needs)!r})."
            )
    groups: list[Group] = []
    first = 0
    for part in parts:
        num, image_hw = (1, part.image_hw) if isinstance(part, Picture) else _batch(part)
        levels = plan_levels(tiling, tile_hw, image_hw)
        opener = (
            _open_picture(part, tile_hw, source, device)
            if isinstance(part, Picture)
            else _open_tensor(part, tile_hw, source)
        )
        groups.append(Group(levels, opener, slice(first, first + num)))
        first += num
    return groups, first


def check_tensor(images: Tensor) -> None:
    """Refuse what is not a batch of finite floating-point RGB images.

    Raises:
        InputError: with the shape, dtype or value that was given.
    """
    if images.ndim != 4 or images.shape[1] != 3 or 0 in images.shape:
        raise InputError(
            f"images must have the shape (batch, 3, height, width), but got {tuple(images.shape)}. "
            "A single image needs images[None]."
        )
    if not torch.is_floating_point(images):
        raise InputError(
            f"images must be floating point, but got {images.dtype}. Use ms.preprocess for 8-bit "
            "images, or divide by 255 and normalise by the backbone's mean and std."
        )
    # a sum is finite only if every part is; one pass, no mask
    if not images.is_meta and not torch.isfinite(images.sum(dtype=torch.float64)):
        bad = int((~torch.isfinite(images)).sum())
        raise InputError(
            f"images must be finite, but {bad} of {images.numel()} values are NaN or infinite. "
            "Look for a division by zero in preprocessing."
        )


def _parts(images: Images) -> list[Tensor | Picture]:
    """Batches of one size each, and pictures."""
    if isinstance(images, Tensor):
        check_tensor(images)
        return [images]
    if isinstance(images, Picture):
        return [images]
    if isinstance(images, str) or not isinstance(images, Sequence):
        raise InputError(
            f"images must be a batch or a list of images, but got {type(images).__name__}. "
            "Use ms.preprocess for files, PIL images and arrays."
        )
    if not images:
        raise InputError("images must hold at least one image, but is empty.")
    for image in images:
        if not isinstance(image, Tensor | Picture):
            raise InputError(
                f"images must be tensors, but got {type(image).__name__}. "
                "Use ms.preprocess for files, PIL images and arrays."
            )
    devices = {str(image.device) for image in images if isinstance(image, Tensor)}
    if len(devices) > 1:
        raise InputError(f"images must be on one device, but are on {' and '.join(devices)}.")
    parts = [image[None] if isinstance(image, Tensor) else image for image in images]
    for part in parts:
        if isinstance(part, Tensor):
            check_tensor(part)
    return parts


def _batch(part: Tensor) -> tuple[int, HW]:
    return len(part), (part.shape[2], part.shape[3])


def _open_tensor(images: Tensor, tile_hw: HW, source: Source) -> OpenLevel:
    base = images if source == "native" else resize(images, tile_hw)

    def open_level(level: Level) -> Crop:
        crop = resized_crops(base, level.image_hw)
        return lambda box, some: _padded(crop, level.image_hw, box, some)

    return open_level


def _open_picture(picture: Picture, tile_hw: HW, source: Source, device: torch.device) -> OpenLevel:
    if source == "base":
        small = picture.box(tile_hw, (0, 0, *tile_hw)).to(device)
        return _open_tensor(small, tile_hw, "native")
    # a picture is a group of its own, so that there is no choice of images
    return lambda level: lambda box, some: picture.box(level.image_hw, box).to(device)


def _padded(crop: Crop, level_hw: HW, box: Box, some: slice) -> Tensor:
    """A part of the images; what is beyond the level is 0."""
    top, left, bottom, right = box
    below, beside = max(0, bottom - level_hw[0]), max(0, right - level_hw[1])
    inside = crop((top, left, bottom - below, right - beside), some)
    return F.pad(inside, (0, beside, 0, below)) if below or beside else inside
