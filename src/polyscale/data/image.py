"""Image files from outside: data that may be broken or hostile."""

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from polyscale.errors import InputError


def read_image(source: Path | bytes, *, name: str) -> Image.Image:
    """Decode an image as 8-bit RGB, upright.

    Args:
        source: a file or its bytes.
        name: how errors call it.

    Raises:
        InputError: if the file is no image, is broken, or would need a suspicious amount of memory.
    """
    with _clear_errors(name), Image.open(_opened(source)) as image:
        image.load()
        return _to_rgb(ImageOps.exif_transpose(image))


def check_image(source: Path | bytes, *, name: str) -> None:
    """Read the header alone: enough to refuse what is no image, and decompression bombs.

    Raises:
        InputError: as `read_image` does.
    """
    with _clear_errors(name), Image.open(_opened(source)):
        pass


def _opened(source: Path | bytes) -> Path | io.BytesIO:
    return io.BytesIO(source) if isinstance(source, bytes) else source


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode == "I":
        # Pillow clips 16-bit grey instead of scaling it
        grey = np.asarray(image, dtype=np.float64) / 257
        return Image.fromarray(grey.clip(0, 255).round().astype(np.uint8)).convert("RGB")
    return image.convert("RGB")


class _clear_errors:  # noqa: N801 - reads as a statement
    """Turns what Pillow raises into one line that names the file."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._warnings = warnings.catch_warnings()

    def __enter__(self) -> None:
        self._warnings.__enter__()
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        self._warnings.__exit__(None, None, None)
        if isinstance(error, Image.DecompressionBombWarning | Image.DecompressionBombError):
            limit = (Image.MAX_IMAGE_PIXELS or 0) / 1e6
            raise InputError(
                f"image {self._name} must have at most {limit:.0f} megapixels, but its header says "
                "more, as decompression bombs do. Take it out, or raise PIL.Image.MAX_IMAGE_PIXELS."
            ) from error
        if isinstance(
            error, UnidentifiedImageError | OSError | SyntaxError | EOFError | ValueError
        ):
            reason = str(error).split("<")[0].strip() or type(error).__name__
            raise InputError(
                f"image {self._name} cannot be read ({reason}). Repair it or take it out."
            ) from error
