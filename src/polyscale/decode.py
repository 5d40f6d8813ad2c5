"""Decoding image files from outside: data that may be broken or hostile."""

import io
import math
import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from polyscale.errors import InputError

FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TIFF", "WEBP")
"""What is read. Others that Pillow knows start outside programs (EPS) or are no photographs."""

DRAFT_MARGIN = 2
"""How much larger than needed a JPEG is decoded at least, where it is decoded smaller.

The rest of the way is resized with a proper filter: Pillow's `reducing_gap`, and
benchmarks/decode.py has what it costs.
"""


MAX_FILE_BYTES = 2**30
"""Larger files are refused before they are read: no image of `Image.MAX_IMAGE_PIXELS` needs them,
and sparse files may pretend to any size."""

STRIP_ROWS = 256
"""Rows of a 16-bit image that are scaled at once."""


class UnreadableImageError(InputError):
    """An image that cannot be used.

    Attributes:
        reason: why, in words.
    """

    def __init__(self, name: str, reason: str, advice: str = "Repair it or take it out.") -> None:
        super().__init__(f"image {name} cannot be read ({reason}). {advice}")
        self.reason = reason


def read_image(
    source: Path | bytes, *, name: str, min_side: int | None = None, max_pixels: int | None = None
) -> Image.Image:
    """Decode an image as 8-bit RGB, upright.

    Args:
        source: a file or its bytes.
        name: how errors call it.
        min_side: a side in pixels that is enough. A JPEG whose sides are at least 4 times as long
            is decoded at a half, a quarter or an eighth of its size, which is faster, and comes
            back with both sides at least twice as long as `min_side`. Others come back whole.
        max_pixels: pixels of an image that is not suspicious (default: Pillow's
            `Image.MAX_IMAGE_PIXELS`; Pillow itself refuses images of more than twice as many).

    Raises:
        InputError: if the file is no image, is broken, or would need a suspicious amount of memory.
    """
    with clear_errors(name, max_pixels), opened(source, max_pixels) as image:
        if min_side is not None:
            image.draft(None, (min_side * DRAFT_MARGIN,) * 2)
        image.load()
        return upright_rgb(image)


def opened(source: Path | bytes, max_pixels: int | None = None) -> Image.Image:
    """The header alone, once it is clear that the rest is no decompression bomb."""
    Image.init()
    if isinstance(source, Path):
        check_file(source.stat(), max(MAX_FILE_BYTES, 8 * (max_pixels or 0)))
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    with warnings.catch_warnings():
        # Pillow warns of what is refused here or has been allowed
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        image = Image.open(file, formats=[kind for kind in FORMATS if kind in Image.OPEN])
    if math.prod(image.size) > (max_pixels or Image.MAX_IMAGE_PIXELS or math.inf):
        raise Image.DecompressionBombError
    return image


def check_file(state: os.stat_result, max_bytes: int = MAX_FILE_BYTES) -> None:
    """Refuse pipes and devices, which may never end, and huge files.

    Raises:
        ValueError: with the reason.
    """
    if not stat.S_ISREG(state.st_mode):
        raise ValueError("no regular file")
    if state.st_size > max_bytes:
        gigabytes, limit = (f"{size / 1e9:.1f}" for size in (state.st_size, max_bytes))
        raise ValueError(f"its {gigabytes} GB are more than the {limit} GB that are read")


def upright_rgb(image: Image.Image) -> Image.Image:
    """8-bit RGB, turned as its EXIF orientation says; 16-bit grey is scaled, not clipped."""
    image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        raise ValueError("its pixels are floating point, which has no fixed range")
    if image.mode.startswith("I;16") or image.mode == "I":
        return Image.fromarray(_scale_grey(np.asarray(image))).convert("RGB")
    return image.convert("RGB")


def _scale_grey(grey: NDArray[np.integer]) -> NDArray[np.uint8]:
    """16 bits → 8 bits: Pillow itself clips them. A strip at a time bounds the memory."""
    scaled = np.empty(grey.shape, np.uint8)
    for top in range(0, len(grey), STRIP_ROWS):
        strip = grey[top : top + STRIP_ROWS] / 257
        scaled[top : top + STRIP_ROWS] = strip.clip(0, 255).round()
    return scaled


@contextmanager
def clear_errors(name: str, max_pixels: int | None = None) -> Iterator[None]:
    """Turn what Pillow raises, which may be anything, into one line that names the file."""
    try:
        yield
    except Image.DecompressionBombError as error:
        limit = (max_pixels or Image.MAX_IMAGE_PIXELS or 0) / 1e6
        raise UnreadableImageError(
            name,
            f"its header says more than {limit:.0f} megapixels, as decompression bombs do",
            "Take it out, or raise PIL.Image.MAX_IMAGE_PIXELS.",
        ) from error
    except FileNotFoundError as error:
        raise UnreadableImageError(name, "there is no such file", "Check the path.") from error
    except UnidentifiedImageError as error:
        raise UnreadableImageError(name, "no image format that is read") from error
    except Exception as error:
        words = str(error).split("<")[0].strip().splitlines() or [type(error).__name__]
        raise UnreadableImageError(name, words[0]) from error
