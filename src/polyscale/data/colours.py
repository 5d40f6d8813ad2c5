"""Labels and depth as colours that an eye can tell apart."""

from functools import cache

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image

from polyscale.data.dataset import IGNORED, Depth, Labels
from polyscale.errors import InputError, require

NEUTRAL = (128, 128, 128)
"""Grey of what is ignored or unknown; no class has it."""

DEPTH_MAP = "viridis_r"
"""Near is light, far is dark, equal steps look equal; colour-blind readers see the same order."""

OPACITY = 0.55
"""Of colours over a picture."""

MAX_COLOURS = 512
"""Further classes start again: nobody tells so many apart."""

STEPS = 16  # of each channel, among which colours are chosen
CHROMA = (0.06, 0.16)  # a colour looks grey below, and glares above
LIGHTNESS = (0.4, 0.87)  # seen on dark and on light paper

# Björn Ottosson, A perceptual color space for image processing (2020): linear sRGB → cones → OKLab
CONES = np.array([[0.4122214708, 0.5363325363, 0.0514459929],
                  [0.2119034982, 0.6806995451, 0.1073969566],
                  [0.0883024619, 0.2817188376, 0.6299787005]])  # fmt: skip
OKLAB = np.array([[0.2104542553, 0.7936177850, -0.0040720468],
                  [1.9779984951, -2.4285922050, 0.4505937099],
                  [0.0259040371, 0.7827717662, -0.8086757660]])  # fmt: skip


def colour_labels(labels: Labels, num_classes: int) -> UInt8[np.ndarray, "h w 3"]:
    """Each class in its own colour, the same one in every picture and every data set.

    Args:
        labels: class of each pixel; what is ignored becomes grey.
        num_classes: that the labels may name.

    Raises:
        InputError: if a label is none of these.
    """
    values = np.asarray(labels)
    low, high = int(values.min(initial=IGNORED)), int(values.max(initial=IGNORED))
    if low < IGNORED or high >= num_classes:
        raise InputError(
            f"labels must be from 0 to {num_classes - 1}, or {IGNORED} for ignored pixels, "
            f"but got {low if low < IGNORED else high}. Check num_classes."
        )
    # the last row is what -1 means
    table = np.vstack([_palette()[np.arange(num_classes) % MAX_COLOURS], [NEUTRAL]])
    return table.astype(np.uint8)[values]


def colour_depth(depth_m: Depth, low_m: float, high_m: float) -> UInt8[np.ndarray, "h w 3"]:
    """Depth from light (near) to dark (far); nearer and farther ones as the ends.

    Args:
        depth_m: metres; what is not known (NaN) becomes grey.
        low_m: of the light end.
        high_m: of the dark end, above `low_m`.

    Raises:
        InputError: if the ends are not in order.
        MissingExtraError: if matplotlib is not installed.
    """
    if not low_m < high_m:
        raise InputError(f"low_m must be below high_m, but got {low_m:g} and {high_m:g}.")
    require("matplotlib", extra="compare", feature="colour_depth")
    from matplotlib import colormaps

    known = np.isfinite(depth_m)
    share = np.clip((np.where(known, depth_m, low_m) - low_m) / (high_m - low_m), 0, 1)
    colours = colormaps[DEPTH_MAP](share, bytes=True)[..., :3]
    return np.where(known[..., None], colours, NEUTRAL).astype(np.uint8)


def overlay(
    picture: Image.Image,
    colours: UInt8[np.ndarray, "h w 3"],
    known: Bool[np.ndarray, "h w"],
) -> Image.Image:
    """A picture in grey under colours of the same size; where nothing is known, as it is."""
    grey = np.asarray(picture.convert("L"), np.float32)[..., None]
    mixed = (1 - OPACITY) * grey + OPACITY * colours
    return Image.fromarray(
        np.where(known[..., None], mixed, np.asarray(picture.convert("RGB"))).astype(np.uint8)
    )


@cache
def _palette() -> UInt8[np.ndarray, "colours 3"]:
    """Each colour as far as can be, in OKLab, from all before it and from grey.

    A class keeps its colour whatever the number of classes.
    """
    steps = np.linspace(0, 255, STEPS).round()
    rgb = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    lab = _oklab(rgb)
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    ends = np.array([CHROMA, LIGHTNESS])
    values = np.stack([chroma, lab[:, 0]], axis=1)
    seen = ((ends[:, 0] < values) & (values < ends[:, 1])).all(axis=1)
    rgb, lab = rgb[seen], lab[seen]
    nearest = np.linalg.norm(lab - _oklab(np.array([NEUTRAL], dtype=float)), axis=1)
    chosen = []
    for _ in range(MAX_COLOURS):
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, np.linalg.norm(lab - lab[chosen[-1]], axis=1))
    return rgb[chosen].astype(np.uint8)


def _oklab(rgb: Float[np.ndarray, "colours 3"]) -> Float[np.ndarray, "colours 3"]:
    share = rgb / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ CONES.T) @ OKLAB.T
