"""Reading image files: a look that keeps no pixels, and files with one number for each pixel."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from polyscale.decode import (
    DRAFT_MARGIN,
    FORMATS,
    UnreadableImageError,
    check_file,
    clear_errors,
    opened,
    upright_rgb,
)
from polyscale.errors import InputError
from polyscale.types import HW

THUMB_PX = 16
"""Side of the grey thumbnails that images are compared by."""

EXACT = ("BMP", "PNG", "PPM", "TIFF")
"""Formats that keep values. JPEG invents classes, and programs renumber the palette of a GIF."""

SCALED = {"L;2": 85, "L;4": 17}
"""What Pillow multiplies grey of 2 and of 4 bits by, so that white is 255."""

ADVICE = {
    "mask": "Replace each colour by the number of its class, and save one channel of 8 or 16 bits.",
    "depth map": "Save millimetres as a 16-bit PNG, or metres as a float TIFF or a .npy file.",
}
"""What a target is → how to make one of an RGB picture."""


def image_endings() -> frozenset[str]:
    """Endings of file names that are taken for images, in lower case with their dot."""
    return frozenset(
        ending for ending, kind in Image.registered_extensions().items() if kind in FORMATS
    )


def read_thumb(source: bytes, *, name: str) -> tuple[HW, NDArray[np.uint8]]:
    """Decode all of an image, but only to look at it.

    JPEGs are decoded small, which still reads every byte, so that a truncated file is found.

    Returns:
        Height and width in pixels, upright, and the image squashed to grey (THUMB_PX, THUMB_PX).

    Raises:
        InputError: as `read_image` does.
    """
    with clear_errors(name), opened(source) as image:
        lying = image.getexif().get(ExifTags.Base.Orientation) in (5, 6, 7, 8)
        width, height = image.size
        drafted = image.draft("L", (THUMB_PX * DRAFT_MARGIN,) * 2)
        image.load()
        upright = upright_rgb(image)
        if not drafted:
            width, height = upright.size
        elif lying:
            width, height = height, width
        small = upright.resize((THUMB_PX, THUMB_PX), Image.Resampling.BILINEAR)
        return (height, width), np.asarray(small.convert("L"))


def target_endings() -> frozenset[str]:
    """Endings of file names that are taken for targets, in lower case with their dot."""
    return image_endings() | {".npy"}


def read_stored(source: Path | bytes, *, name: str, word: str) -> Shaped[np.ndarray, "h w"]:
    """The numbers of a picture's one channel or of an array of two dimensions.

    A palette's indices are the numbers; its colours are not looked at. Pictures are turned upright,
    as `read_image` does. Errors call the file `name`; `word` is what it is, a key of `ADVICE`.

    Raises:
        UnreadableImageError: if the file is broken.
        InputError: if it holds colours, or its format does not keep values.
    """
    with clear_errors(name):
        if isinstance(source, Path):
            check_file(source.stat())
        data = source.read_bytes() if isinstance(source, Path) else source
    if data.startswith(b"\x93NUMPY"):
        return _read_npy(data, name, word)
    with clear_errors(name), opened(data) as image:
        kind, mode, scale = image.format, image.mode, _scale(image)
        values = np.asarray(ImageOps.exif_transpose(image))
    if kind not in EXACT:
        raise InputError(
            f"{word} {name} must be a PNG, a TIFF or a .npy file, but is {kind}, which "
            f"does not keep values. {ADVICE[word]}"
        )
    if mode not in ("1", "L", "P", "F", "I") and not mode.startswith("I;16"):
        raise InputError(
            f"{word} {name} must hold one number for each pixel, but holds colours ({mode}). "
            f"{ADVICE[word]}"
        )
    return values.astype(np.uint8) if mode == "1" else values // scale if scale > 1 else values


def _read_npy(data: bytes, name: str, word: str) -> NDArray[Any]:
    with clear_errors(name):
        values = np.load(io.BytesIO(data), allow_pickle=False)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    if values.ndim != 2 or values.dtype.kind not in "buif":
        raise InputError(
            f"{word} {name} must be an array of numbers, height × width, but has shape "
            f"{values.shape} and type {values.dtype}. {ADVICE[word]}"
        )
    if not values.size:
        raise UnreadableImageError(name, "it holds no pixels")
    return values.astype(np.uint8) if values.dtype.kind == "b" else values


def _scale(image: Image.Image) -> int:
    """What Pillow multiplies the grey values by; it must be asked before the image is loaded."""
    tiles = getattr(image, "tile", ())
    args = tiles[0].args if tiles else ()
    return SCALED.get(args if isinstance(args, str) else args[0] if args else "", 1)
