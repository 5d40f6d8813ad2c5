"""Targets, predictions and errors as pictures in a page."""

from base64 import b64encode
from collections.abc import Iterable
from io import BytesIO
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image

from polyscale.data.colours import NEUTRAL, colour_depth, colour_labels
from polyscale.data.dataset import IGNORED, Depth, Labels

WRONG = (240, 84, 45)
"""Colour of wrong pixels, over a dimmed grey image."""
DIMMED = 0.45
ERROR_MAP = "RdBu_r"
"""Blue is too near, red too far, white is right."""
LOSS_MAP = "magma"  # even steps to the eye, and to colour-blind eyes
JPEG_QUALITY = 80
BAR_STEPS = 16

Picture = UInt8[np.ndarray, "h w 3"]


def decode(jpeg: bytes) -> Picture:
    """8-bit RGB."""
    with Image.open(BytesIO(jpeg), formats=["JPEG"]) as image:
        return np.asarray(image.convert("RGB"))


def labels_uri(labels: Labels, num_classes: int) -> str:
    """Each class in its colour; a PNG that holds only the colours that are there."""
    shown, indices = np.unique(labels, return_inverse=True)
    indices = indices.reshape(labels.shape)
    palette = colour_labels(shown[None].astype(np.int16), num_classes)[0]
    if len(shown) > 256:
        return _uri(palette[indices], "png", optimize=True)
    image = Image.fromarray(indices.astype(np.uint8))
    image.putpalette(palette.tobytes())
    return _uri(image, "png", optimize=True)


def depth_uri(depth_m: Depth, ends_m: tuple[float, float]) -> str:
    """Near is light, far is dark."""
    return _uri(colour_depth(depth_m, *ends_m), "jpeg", quality=JPEG_QUALITY)


def wrong_labels_uri(truth: Labels, predicted: Labels, photo: Picture) -> str:
    """The image in dim grey with wrong pixels marked; ignored ones are never wrong."""
    wrong = (truth != predicted) & (truth != IGNORED)
    grey = np.asarray(Image.fromarray(photo).convert("L")) * DIMMED
    picture = np.where(wrong[..., None], WRONG, grey[..., None]).astype(np.uint8)
    return _uri(picture, "jpeg", quality=JPEG_QUALITY)


def depth_error_uri(truth: Depth, predicted: Depth, limit_m: float) -> str:
    """Predicted less true depth, from blue to red; grey where one of them is not known."""
    return _uri(_coloured_error(predicted - truth, limit_m), "jpeg", quality=JPEG_QUALITY)


def losses_uri(losses: Float[np.ndarray, "h w"], limit: float) -> str:
    """Losses of the cells of a map: none is dark, `limit` and more is light."""
    shares = np.clip(losses / limit, 0, 1)
    return _uri(colormaps[LOSS_MAP](shares, bytes=True)[..., :3], "png")


def losses_css() -> str:
    """The colours of `losses_uri` from none to much, as stops of a gradient."""
    colours = colormaps[LOSS_MAP](np.linspace(0, 1, BAR_STEPS), bytes=True)[..., :3]
    return ", ".join(map(hex_colour, colours))


def depth_ends(truth: Depth) -> tuple[float, float]:
    """Of the colours of a picture: all but the ends of what is known, in metres."""
    known = truth[np.isfinite(truth)]
    if not known.size:
        return (0.0, 1.0)
    low, high = (float(end) for end in np.percentile(known, [1, 99]))
    return (low, max(high, low + 0.01))


def depth_css() -> str:
    """The colours of `depth_uri` from near to far, as stops of a gradient."""
    shares = np.linspace(0, 1, BAR_STEPS, dtype=np.float32)
    return ", ".join(map(hex_colour, colour_depth(shares[None], 0, 1)[0]))


def error_css() -> str:
    """The colours of `depth_error_uri` from too near to too far."""
    return ", ".join(map(hex_colour, _coloured_error(np.linspace(-1, 1, BAR_STEPS + 1), 1)))


def class_css(index: int, num_classes: int) -> str:
    """The colour of a class; of `IGNORED`, grey."""
    return hex_colour(colour_labels(np.array([[index]], dtype=np.int16), num_classes)[0, 0])


def hex_colour(rgb: Iterable[int]) -> str:
    """`#f0542d`."""
    return f"#{bytes(rgb).hex()}"


def _coloured_error(error_m: Float[np.ndarray, "*shape"], limit_m: float) -> NDArray[np.uint8]:
    known = np.isfinite(error_m)
    share = np.clip(0.5 + np.where(known, error_m, 0) / (2 * limit_m), 0, 1)
    colours = colormaps[ERROR_MAP](share, bytes=True)[..., :3]
    return np.where(known[..., None], colours, NEUTRAL).astype(np.uint8)


def _uri(image: Image.Image | Picture, kind: str, **options: Any) -> str:
    out = BytesIO()
    picture = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    picture.save(out, kind, **options)
    return f"data:image/{kind};base64,{b64encode(out.getvalue()).decode()}"
