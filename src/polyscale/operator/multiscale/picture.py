"""Pictures: files, PIL images and 8-bit arrays of any size, which stay in 8 bits until cut."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from polyscale.decode import read_image, upright_rgb
from polyscale.errors import InputError
from polyscale.operator.multiscale.resize import Box, Crop, ReadBox, pad_crop, resample, shrink
from polyscale.types import HW

Input = Image.Image | NDArray[np.uint8] | str | PathLike[str]


class Picture:
    """An 8-bit picture that is resized, cut and normalised tile by tile.

    Args:
        image: a PIL image, a path, or an array (h, w, channels) of 0 to 255 (a memory map stays on
            disk). Files and PIL images are turned upright as their EXIF orientation says, and
            become RGB.
        mean: subtracted from each channel of an image in 0 to 1.
        std: what each channel is divided by after that.

    Raises:
        InputError: if it is none of these, or has another number of channels than the mean.
    """

    def __init__(self, image: Input, *, mean: Sequence[float], std: Sequence[float]) -> None:
        self._pixels = _as_array(image)
        if self._pixels.shape[2] != len(mean):
            raise InputError(
                f"image must have {len(mean)} channels, as the model's mean and std have, but has "
                f"{self._pixels.shape[2]}. Other images than RGB go in as arrays (height, width, "
                "channels)."
            )
        # (pixel / 255 - mean) / std = pixel · scale + shift
        self._scale = 1 / (255 * _column(std))
        self._shift = -_column(mean) * 255 * self._scale

    @property
    def image_hw(self) -> HW:
        """Height and width, in pixels."""
        return self._pixels.shape[0], self._pixels.shape[1]

    def level(self, level_hw: HW, *, antialias: bool = True) -> Crop:
        """Normalised parts of the picture resized to a level; what is beyond it is 0.

        A level that is smaller than the picture stands as a whole, in 8 bits. Of a larger one, each
        part is made when it is asked for.

        Args:
            level_hw: size that the whole picture is resized to, in pixels.
            antialias: whether the picture is smoothed where it shrinks.
        """
        read = self._resized(level_hw, antialias)

        def normalised(box: Box) -> Tensor:
            return torch.addcmul(self._shift, read(box).to(torch.float32), self._scale)

        # a picture is a part of its own, so that there is no choice of images
        return lambda box, _: pad_crop(normalised, level_hw, box)[None]

    def box(
        self, level_hw: HW, box: Box, *, antialias: bool = True
    ) -> Float[Tensor, "1 channels box_h box_w"]:
        """One part of the picture resized to a level, as `level` gives it."""
        return self.level(level_hw, antialias=antialias)(box, slice(None))

    def _resized(self, level_hw: HW, antialias: bool) -> ReadBox:
        """Boxes of the level, with values from 0 to 255."""
        height, width = self.image_hw
        if level_hw == (height, width):
            return self._read
        if antialias and level_hw[0] <= height and level_hw[1] <= width:
            (whole,) = shrink(self._pixels, level_hw)
            return lambda box: whole[:, box[0] : box[2], box[1] : box[3]]
        return lambda box: resample(
            self._read_float, (height, width), level_hw, box, antialias=antialias
        )

    def _read(self, box: Box) -> Tensor:
        top, left, bottom, right = box
        return torch.from_numpy(self._pixels[top:bottom, left:right].copy()).permute(2, 0, 1)

    def _read_float(self, box: Box) -> Tensor:
        return self._read(box).to(torch.float32, memory_format=torch.contiguous_format)


def _column(values: Sequence[float]) -> Tensor:
    # pixels are on the CPU, whatever the default device is
    return torch.tensor(tuple(values), dtype=torch.float32, device="cpu").view(-1, 1, 1)


@dataclass(frozen=True)
class Preprocess:
    """Pictures → what `MultiScale` takes. It carries no model, so that a data loader's workers can.

    Attributes:
        mean: subtracted from each channel of an image in 0 to 1.
        std: what each channel is divided by after that.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, images: Sequence[Input] | Input) -> list[Picture]:
        """Decode pictures; they are resized, cut and normalised later, tile by tile.

        Args:
            images: PIL images, paths, or 8-bit arrays (h, w, channels), of any sizes.

        Raises:
            InputError: if one is none of these, or a file cannot be read.
        """
        if isinstance(images, str) or not isinstance(images, Sequence):
            images = [images]
        return [Picture(image, mean=self.mean, std=self.std) for image in images]


def _as_array(image: Input) -> NDArray[np.uint8]:
    if isinstance(image, str | PathLike):
        path = Path(image)
        if not path.is_file():
            raise InputError(f"image {str(path)!r} does not exist. Check the path.")
        # as many as Pillow itself allows
        limit = 2 * Image.MAX_IMAGE_PIXELS if Image.MAX_IMAGE_PIXELS else None
        return np.array(read_image(path, name=repr(str(path)), max_pixels=limit))
    if isinstance(image, Image.Image):
        if image.mode == "F" or (image.mode == "I" and image.format is None):
            raise InputError(
                f"image must have 8 bits for each channel, but its mode is {image.mode!r}, whose "
                "values have no fixed range. Scale it to 0 to 255 and make it mode 'L' or 'RGB'."
            )
        return np.array(upright_rgb(image))
    if not isinstance(image, np.ndarray):
        raise InputError(
            f"image must be a PIL image, an 8-bit array or a path, but got {type(image).__name__}."
        )
    if image.dtype != np.uint8 or image.ndim != 3 or 0 in image.shape:
        raise InputError(
            f"image arrays must be 8-bit of shape (height, width, channels), but got "
            f"{image.dtype} of shape {image.shape}."
        )
    return image
