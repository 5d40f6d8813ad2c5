"""Image files from outside: data that may be broken or hostile."""

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from polyscale.errors import InputError

FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TIFF", "WEBP")
"""What is read. Others that Pillow knows start outside programs (EPS) or are no photographs."""


def image_endings() -> frozenset[str]:
    """Endings of file names that are taken for images, in lower case with their dot."""
    return frozenset(
        ending for ending, kind in Image.registered_extensions().items() if kind in FORMATS
    )


def read_image(source: Path | bytes, *, name: str) -> Image.Image:
    """Decode an image as 8-bit RGB, upright.

    Args:
        source: a file or its bytes.
        name: how errors call it.

    Raises:
        InputError: if the file is no image, is broken, or would need a suspicious amount of memory.
    """
    with _clear_errors(name), _opened(source) as image:
        image.load()
        return _to_rgb(ImageOps.exif_transpose(image))


def check_image(source: Path | bytes, *, name: str) -> None:
    """Read the header alone: enough to refuse what is no image, and decompression bombs.

    Raises:
        InputError: as `read_image` does.
    """
    with _clear_errors(name), _opened(source):
        pass


def _opened(source: Path | bytes) -> Image.Image:
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
def _clear_errors(name: str) -> Iterator[None]:
    """Turn what Pillow raises, which may be anything, into one line that names the file."""
    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        limit = (Image.MAX_IMAGE_PIXELS or 0) / 1e6
        raise InputError(
            f"image {name} must have at most {limit:.0f} megapixels, but its header says more, as "
            "decompression bombs do. Take it out, or raise PIL.Image.MAX_IMAGE_PIXELS."
        ) from error
    except Exception as error:
        words = str(error).split("<")[0].strip().splitlines() or [type(error).__name__]
        raise InputError(
            f"image {name} cannot be read ({words[0]}). Repair it or take it out."
        ) from error
