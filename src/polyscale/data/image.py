"""Image files from outside: data that may be broken or hostile."""

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from polyscale.errors import InputError
from polyscale.types import HW

FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TIFF", "WEBP")
"""What is read. Others that Pillow knows start outside programs (EPS) or are no photographs."""

DRAFT_MARGIN = 2
"""How much larger than needed a JPEG is decoded at least, where it is decoded smaller.

The rest of the way is resized with a proper filter: Pillow's `reducing_gap`, and
benchmarks/decode.py has what it costs.
"""

THUMB_PX = 16
"""Side of the grey thumbnails that images are compared by."""


class UnreadableImageError(InputError):
    """An image that cannot be used.

    Attributes:
        reason: why, in words.
    """

    def __init__(self, name: str, reason: str, advice: str = "Repair it or take it out.") -> None:
        super().__init__(f"image {name} cannot be read ({reason}). {advice}")
        self.reason = reason


def image_endings() -> frozenset[str]:
    """Endings of file names that are taken for images, in lower case with their dot."""
    return frozenset(
        ending for ending, kind in Image.registered_extensions().items() if kind in FORMATS
    )


def read_image(source: Path | bytes, *, name: str, min_side: int | None = None) -> Image.Image:
    """Decode an image as 8-bit RGB, upright.

    Args:
        source: a file or its bytes.
        name: how errors call it.
        min_side: a side in pixels that is enough. A JPEG whose sides are at least 4 times as long
            is decoded at a half, a quarter or an eighth of its size, which is faster, and comes
            back with both sides at least twice as long as `min_side`. Others come back whole.

    Raises:
        InputError: if the file is no image, is broken, or would need a suspicious amount of memory.
    """
    with clear_errors(name), opened(source) as image:
        if min_side is not None:
            image.draft(None, (min_side * DRAFT_MARGIN,) * 2)
        image.load()
        return _to_rgb(ImageOps.exif_transpose(image))


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
        upright = _to_rgb(ImageOps.exif_transpose(image))
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


def opened(source: Path | bytes) -> Image.Image:
    """The header alone, once it is clear that the rest is no decompression bomb."""
    Image.init()
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    image = Image.open(file, formats=[kind for kind in FORMATS if kind in Image.OPEN])
    if math.prod(image.size) > (Image.MAX_IMAGE_PIXELS or math.inf):
        raise Image.DecompressionBombError
    return image


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode == "I":
        # Pillow clips 16-bit grey instead of scaling it
        grey = np.asarray(image, dtype=np.float64) / 257
        return Image.fromarray(grey.clip(0, 255).round().astype(np.uint8)).convert("RGB")
    return image.convert("RGB")


@contextmanager
def clear_errors(name: str) -> Iterator[None]:
    """Turn what Pillow raises, which may be anything, into one line that names the file."""
    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        limit = (Image.MAX_IMAGE_PIXELS or 0) / 1e6
        raise UnreadableImageError(
            name,
            f"its header says more than {limit:.0f} megapixels, as decompression bombs do",
            "Take it out, or raise PIL.Image.MAX_IMAGE_PIXELS.",
        ) from error
    except UnidentifiedImageError as error:
        raise UnreadableImageError(name, "no image format that is read") from error
    except Exception as error:
        words = str(error).split("<")[0].strip().splitlines() or [type(error).__name__]
        raise UnreadableImageError(name, words[0]) from error
