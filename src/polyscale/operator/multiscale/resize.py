"""Bicubic resampling of a part of an image, without the rest.

Resampling is linear and separable: output pixel y is a weighted sum of a few input rows. So the
tile of a level needs only the rows and columns that its pixels see, and each block of output pixels
only a few of those: a matrix product a block. The weights are those of torch's two kernels: Keys'
with a = -0.5, widened, where an axis is antialiased; a = -0.75 else.
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from torch import Tensor

from polyscale.operator.multiscale.cache import ByteCache
from polyscale.operator.multiscale.precision import at_least_float32, no_autocast
from polyscale.types import HW

STRIP = 1024
"""Rows of an image that are copied at once."""

BLOCK_GROWS, BLOCK_SHRINKS = 64, 32
"""Output pixels of a matrix product: smaller ones multiply fewer zeros, but are more."""

Box = tuple[int, int, int, int]
"""Top, left, bottom and right edge, in pixels. A box may reach beyond the image."""

Crop = Callable[[Box, slice], Float[Tensor, "num channels box_h box_w"]]
"""A box, and which images of a batch → that part of these images."""

ReadBox = Callable[[Box], Float[Tensor, "*batch channels box_h box_w"]]
"""A box inside an image → that part of it."""

Blocks = tuple[tuple[int, NDArray[np.float64]], ...]
"""Neighbouring output pixels: first input pixel that they see, and the weights (out, in) of what
they see. Plain arrays, as tensors would belong to the mode and dtype of the call they come from."""

_BLOCKS = ByteCache[Blocks](16 * 2**20, lambda blocks: sum(w.nbytes for _, w in blocks))


def resize(
    images: Float[Tensor, "batch channels h w"], size_hw: HW, *, antialias: bool = True
) -> Float[Tensor, "batch channels new_h new_w"]:
    """Bicubic resampling, antialiased where the image shrinks, in float32 at least and cast back.

    Where it grows there is nothing to smooth, and the reference package's kernel is used.

    Args:
        images: any value range.
        size_hw: in pixels.
        antialias: False uses the reference package's kernel where the image shrinks as well.
    """
    crop = resized_crops(images, size_hw, antialias=antialias)
    return crop((0, 0, *size_hw), slice(None)).to(images.dtype)


def resized_crops(
    images: Float[Tensor, "batch channels h w"], size_hw: HW, *, antialias: bool = True
) -> Crop:
    """Parts of the images resized, equal to crops of `resize`, in float32 at least.

    What lies beyond the image is 0. On a CPU, images that grow are never resized as a whole: each
    part is made when it is asked for. A smaller size stands whole, as the images themselves do. On
    other devices, where many small steps cost more than memory, and while a call is traced, it
    always does.
    """
    input_hw, dtype = (images.shape[-2], images.shape[-1]), at_least_float32(images.dtype)
    shrinks = size_hw[0] < input_hw[0] or size_hw[1] < input_hw[1]
    if input_hw == size_hw:
        whole = images
    elif shrinks or images.device.type != "cpu" or torch.compiler.is_compiling():
        wide = images.to(dtype)
        smooth = shrinks and antialias
        whole = F.interpolate(wide, size=size_hw, mode="bicubic", antialias=smooth)
    else:

        def resample_images(box: Box, which: slice) -> Tensor:
            def read(part: Box) -> Tensor:
                return images[which, :, part[0] : part[2], part[1] : part[3]].to(dtype)

            return pad_crop(lambda inside: resample(read, input_hw, size_hw, inside), size_hw, box)

        return resample_images
    return lambda box, which: pad_crop(
        lambda inside: whole[which, :, inside[0] : inside[2], inside[1] : inside[3]], size_hw, box
    )


def pad_crop(read: ReadBox, size_hw: HW, box: Box) -> Tensor:
    """A box of an image of this size; what lies beyond the image is 0."""
    top, left, bottom, right = box
    inside = (max(0, top), max(0, left), min(bottom, size_hw[0]), min(right, size_hw[1]))
    padding = (inside[1] - left, right - inside[3], inside[0] - top, bottom - inside[2])
    values = read(inside)
    return F.pad(values, padding) if any(padding) else values


def resample(
    read: ReadBox, input_hw: HW, level_hw: HW, box: Box, *, antialias: bool = True
) -> Float[Tensor, "*batch channels box_h box_w"]:
    """A box of the image resized to a level, as if the whole level had been made and cropped.

    Only the strip of the input that a block of output rows sees is read at once.

    Args:
        read: gives parts of the input, in float32 or float64.
        input_hw: size of the input, in pixels.
        level_hw: size that the whole image would be resized to, in pixels.
        box: edges in pixels of the level, inside it.
        antialias: whether the image is smoothed where it shrinks.

    Returns:
        Values in the range of the input, where bicubic overshoots a little beyond.
    """
    antialias = antialias and (level_hw[0] < input_hw[0] or level_hw[1] < input_hw[1])
    rows, columns = (
        _axis_blocks(input_hw[a], level_hw[a], box[a], box[a + 2], antialias) for a in (0, 1)
    )
    left = min(start for start, _ in columns)
    right = max(start + weights.shape[1] for start, weights in columns)
    strips = []
    for top, weights in rows:
        seen = read((top, left, top + weights.shape[1], right))
        with no_autocast(seen.device):
            strip = _like(weights, seen) @ seen
            pieces = [
                strip[..., start - left : start - left + by.shape[1]] @ _like(by, strip).T
                for start, by in columns
            ]
        strips.append(torch.cat(pieces, dim=-1))
    return torch.cat(strips, dim=-2)


def _like(weights: NDArray[np.float64], image: Tensor) -> Tensor:
    return torch.from_numpy(weights).to(image.device, image.dtype)


def _axis_blocks(num_in: int, num_out: int, start: int, stop: int, antialias: bool) -> Blocks:
    block = BLOCK_GROWS if num_out >= num_in else BLOCK_SHRINKS
    return _BLOCKS.get(
        (num_in, num_out, start, stop, antialias),
        lambda: tuple(
            _axis_weights(num_in, num_out, first, min(first + block, stop), antialias)
            for first in range(start, stop, block)
        ),
    )


def _axis_weights(
    num_in: int, num_out: int, start: int, stop: int, antialias: bool
) -> tuple[int, NDArray[np.float64]]:
    """First input pixel that is seen, and the weight of each for output pixels start … stop - 1."""
    if num_in == num_out:
        return start, np.eye(stop - start)
    ratio = num_in / num_out
    widen = max(ratio, 1.0) if antialias else 1.0
    centres = (np.arange(start, stop) + 0.5) * ratio - 0.5
    if not antialias:
        # torch's rounding: a ratio and, by a fused multiply-add, a coordinate in float32
        exact = (np.arange(start, stop) + 0.5) * np.float64(np.float32(ratio)) - 0.5
        centres = exact.astype(np.float32).astype(np.float64)
    low = int(np.floor(centres[0] - 2 * widen)) - 1
    high = int(np.ceil(centres[-1] + 2 * widen)) + 2
    positions = np.arange(low, high)
    weights = _keys((positions[None] - centres[:, None]) / widen, -0.5 if antialias else -0.75)
    inside = positions.clip(0, num_in - 1)
    if antialias:  # pixels outside don't exist
        weights = weights * (positions == inside)
        weights /= weights.sum(axis=1, keepdims=True)
    first, last = int(inside.min()), int(inside.max())
    # pixels outside repeat the border where there is no antialiasing
    folded = np.zeros((stop - start, last - first + 1))
    np.add.at(folded.T, inside - first, weights.T)
    return first, folded


def _keys(x: NDArray[np.float64], a: float) -> NDArray[np.float64]:
    """Keys' cubic convolution kernel."""
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = a * (((x - 5) * x + 8) * x - 4)
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def shrink(pixels: NDArray[np.uint8], level_hw: HW) -> UInt8[Tensor, "1 channels h w"]:
    """A whole 8-bit image resized to a level that is smaller, antialiased.

    torch's kernel for 8-bit images is about ten times faster than one in float32. It resizes rows
    and then columns, so that an image which must be copied is copied a strip at a time.

    Args:
        pixels: (h, w, channels); memory that cannot be written to, such as a memory map, and memory
            that runs backwards, as after a flip, is copied.
        level_hw: in pixels.
    """
    if pixels.flags.writeable and min(pixels.strides) > 0:
        return _shrink(pixels, level_hw)
    strips = (pixels[top : top + STRIP].copy() for top in range(0, len(pixels), STRIP))
    rows = [_shrink(strip, (len(strip), level_hw[1])) for strip in strips]
    return F.interpolate(torch.cat(rows, dim=2), level_hw, mode="bicubic", antialias=True)


def _shrink(pixels: NDArray[np.uint8], size_hw: HW) -> Tensor:
    images = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    return F.interpolate(images, size_hw, mode="bicubic", antialias=True)
