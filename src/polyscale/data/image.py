"""Looking at image files without keeping their pixels."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from polyscale.decode import (
    DRAFT_MARGIN,
    FORMATS,
    UnreadableImageError,
    clear_errors,
    opened,
    read_image,
    upright_rgb,
)
from polyscale.types import HW

__all__ = [
    "UnreadableImageError",
    "check_image",
    "image_endings",
    "read_image",
    "read_thumb",
]

THUMB_PX = 16
"""Side of the grey thumbnails that images are compared by."""


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


def check_image(source: Path | bytes, *, name: str) -> None:
    """Read the header alone: enough to refuse what is no image, and decompression bombs.

    Raises:
        InputError: as `read_image` does.
    """
    with clear_errors(name), opened(source):
        pass
