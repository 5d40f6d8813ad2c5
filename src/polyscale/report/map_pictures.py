"""Targets, predictions and errors as pictures in a page."""

from base64 import b64encode
from io import BytesIO

import numpy as np
from jaxtyping import Bool, Float, UInt8
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image

from polyscale.data.colours import NEUTRAL, colour_depth, colour_labels
from polyscale.data.dataset import IGNORED, Depth, Labels

WRONG = (240, 84, 45)
"""Of wrong pixels, over a dimmed grey image."""
DIMMED = 0.45
ERROR_MAP = "RdBu_r"
"""Blue is too near, red too far, white is right."""
JPEG_QUALITY = 80
BAR_STEPS = 16

Picture = UInt8[NDArray[np.uint8], "h w 3"]


def decode(jpeg: bytes) -> Picture:
    """8-bit RGB."""
    with Image.open(BytesIO(jpeg), formats=["JPEG"]) as image:
        return np.asarray(image.convert("RGB"))


def photo_uri(jpeg: bytes) -> str:
    """The file as it is."""
    return f"data:image/jpeg;base64,{b64encode(jpeg).decode()}"


def labels_uri(labels: Labels, num_classes: int) -> str:
    """Each class in its colour; a PNG that holds only the colours that are there."""
    found, inverse = np.unique(labels, return_inverse=True)
    palette = colour_labels(found[None].astype(np.int16), num_classes)[0]
    if len(found) > 256:
        return _uri(Image.fromarray(palette[inverse.reshape(labels.shape)]), "png")
    image = Image.fromarray(inverse.reshape(labels.shape).astype(np.uint8))
    image.putpalette(palette.tobytes())
    return _uri(image, "png")


def depth_uri(depth_m: Depth, ends_m: tuple[float, float]) -> str:
    """Near is light, far is dark."""
    return _uri(Image.fromarray(colour_depth(depth_m, *ends_m)), "jpeg")


def wrong_labels_uri(truth: Labels, said: Labels, photo: Picture) -> str:
    """The image in dim grey with wrong pixels marked; ignored ones are never wrong."""
    wrong: Bool[NDArray[np.bool_], "h w"] = (truth != said) & (truth != IGNORED)
    grey = np.asarray(Image.fromarray(photo).convert("L")) * DIMMED
    picture = np.where(wrong[..., None], WRONG, grey[..., None]).astype(np.uint8)
    return _uri(Image.fromarray(picture), "jpeg")


def depth_error_uri(truth: Depth, said: Depth, limit_m: float) -> str:
    """Said less true, from blue to red; grey where one of them is not known."""
    return _uri(Image.fromarray(_coloured_error(said - truth, limit_m)), "jpeg")


def depth_ends(truth: Depth) -> tuple[float, float]:
    """Of the colours of a picture: all but the ends of what is known, in metres."""
    known = truth[np.isfinite(truth)]
    if not known.size:
        return (0.0, 1.0)
    low, high = (float(end) for end in np.percentile(known, [1, 99]))
    return (low, max(high, low + 0.01))


def depth_css() -> str:
    """The colours of `depth_uri` from near to far, as stops of a gradient."""
    return _stops(colour_depth(np.linspace(0, 1, BAR_STEPS, dtype=np.float32)[None], 0, 1)[0])


def error_css() -> str:
    """The colours of `depth_error_uri` from too near to too far."""
    return _stops(_coloured_error(np.linspace(-1, 1, BAR_STEPS + 1), 1))


def class_css(index: int, num_classes: int) -> str:
    """The colour of a class; of `IGNORED`, grey."""
    (colour,) = colour_labels(np.array([[index]], dtype=np.int16), num_classes)[0]
    return _css(colour)


def wrong_css() -> str:
    """The colour of wrong pixels."""
    return _css(np.array(WRONG))


def _coloured_error(error_m: Float[NDArray, "*shape"], limit_m: float) -> NDArray[np.uint8]:
    known = np.isfinite(error_m)
    share = np.clip(0.5 + np.where(known, error_m, 0) / (2 * limit_m), 0, 1)
    colours = colormaps[ERROR_MAP](share, bytes=True)[..., :3]
    return np.where(known[..., None], colours, NEUTRAL).astype(np.uint8)


def _stops(colours: UInt8[NDArray[np.uint8], "n 3"]) -> str:
    return ", ".join(_css(colour) for colour in colours)


def _css(colour: NDArray) -> str:
    return "#" + "".join(f"{int(channel):02x}" for channel in colour)


def _uri(image: Image.Image, kind: str) -> str:
    out = BytesIO()
    if kind == "jpeg":
        image.save(out, "JPEG", quality=JPEG_QUALITY)
    else:
        image.save(out, "PNG", optimize=True)
    return f"data:image/{kind};base64,{b64encode(out.getvalue()).decode()}"
