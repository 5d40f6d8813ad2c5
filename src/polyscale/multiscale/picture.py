"""Pictures that are read tile by tile: files and 8-bit arrays of any size."""

import warnings
from os import PathLike
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from polyscale.errors import InputError, first_line
from polyscale.multiscale.resample import resample_box
from polyscale.types import HW

Input = Image.Image | NDArray[np.uint8] | str | PathLike[str]


class Picture:
    """An 8-bit RGB picture that becomes normalised floating point one tile at a time.

    Args:
        image: a PIL image, an array (h, w, 3) of 0 to 255 (a memory map stays on disk), or a path.
        mean: subtracted from each channel of an image in 0 to 1; None leaves 0 to 1.
        std: what each channel is divided by after that.

    Raises:
        InputError: if it is none of these.
    """

    def __init__(
        self,
        image: Input,
        *,
        mean: tuple[float, ...] | None = None,
        std: tuple[float, ...] | None = None,
    ) -> None:
        self._pixels = _as_array(image)
        self._mean = torch.tensor(mean or (0.0,) * 3).view(3, 1, 1)
        self._std = torch.tensor(std or (1.0,) * 3).view(3, 1, 1)

    @property
    def image_hw(self) -> HW:
        """Height and width, in pixels."""
        return self._pixels.shape[0], self._pixels.shape[1]

    def box(self, level_hw: HW, box: tuple[int, int, int, int]) -> Float[Tensor, "1 3 box_h box_w"]:
        """A box of the picture resized to a level, normalised; what is beyond the level is 0.

        Args:
            level_hw: size that the whole picture would be resized to, in pixels.
            box: top, left, bottom and right edge in pixels of the level.
        """
        top, left, bottom, right = box
        inside = (top, left, min(bottom, level_hw[0]), min(right, level_hw[1]))
        values = resample_box(self._read, self.image_hw, level_hw, inside).div_(255)
        values = values.sub_(self._mean).div_(self._std)[None]
        beyond = (0, right - inside[3], 0, bottom - inside[2])
        return F.pad(values, beyond) if any(beyond) else values

    def _read(self, top: int, bottom: int, left: int, right: int) -> NDArray[np.uint8]:
        return self._pixels[top:bottom, left:right]


def _as_array(image: Input) -> NDArray[np.uint8]:
    if isinstance(image, str | PathLike):
        return _read(Path(image))
    if isinstance(image, Image.Image):
        return np.asarray(image.convert("RGB"))
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            raise InputError(
                f"image arrays must be 8-bit RGB of shape (height, width, 3), but got "
                f"{image.dtype} of shape {image.shape}."
            )
        return image
    raise InputError(
        f"image must be a PIL image, an 8-bit array or a path, but got {type(image).__name__}."
    )


def _read(path: Path) -> NDArray[np.uint8]:
    try:
        with warnings.catch_warnings():
            # from half of the limit on Pillow warns; up to the limit it is meant
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as opened:
                return np.asarray(opened.convert("RGB"))
    except FileNotFoundError as error:
        raise InputError(f"image {str(path)!r} does not exist. Check the path.") from error
    except Image.DecompressionBombError as error:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise InputError(
            f"image {str(path)!r} must have at most {limit / 1e6:.0f} million pixels, as more may "
            "be a decompression bomb. If you trust it, raise PIL.Image.MAX_IMAGE_PIXELS, or give "
            "an array such as numpy.load(path, mmap_mode='r')."
        ) from error
    except (OSError, SyntaxError) as error:
        raise InputError(
            f"image {str(path)!r} must be one that Pillow reads, but: {first_line(error)}."
        ) from error
