"""Changed colours: the photometric distortion of SSD (arXiv 1512.02325, section 2.2)."""

import numpy as np
from PIL import Image


def change_colours(image: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Brightness, contrast, saturation and hue, each changed in half of the cases.

    Ranges are those of mmsegmentation: brightness ±32 of 255, contrast and saturation × 0.5 … 1.5,
    hue ±36 degrees. Contrast comes before or after saturation and hue, by chance.

    Args:
        image: 8-bit RGB.
        generator: what chance is drawn from.
    """
    brightness = _sometimes(generator, -32, 32, unchanged=0)
    contrast = _sometimes(generator, 0.5, 1.5, unchanged=1)
    saturation = _sometimes(generator, 0.5, 1.5, unchanged=1)
    hue_degrees = _sometimes(generator, -36, 36, unchanged=0)
    contrast_first = generator.random() < 0.5
    image = _linear(image, offset=brightness)
    if contrast_first:
        image = _linear(image, factor=contrast)
    if saturation != 1 or hue_degrees != 0:
        hue, colourful, value = image.convert("HSV").split()
        turn = round(hue_degrees * 256 / 360)
        hue = hue.point([(tone + turn) % 256 for tone in range(256)])
        hsv = Image.merge("HSV", (hue, _linear(colourful, factor=saturation), value))
        image = hsv.convert("RGB")
    return image if contrast_first else _linear(image, factor=contrast)


def _sometimes(
    generator: np.random.Generator, low: float, high: float, *, unchanged: float
) -> float:
    """Drawn from a range in half of the cases; both numbers are drawn in any case."""
    drawn = generator.uniform(low, high)
    return drawn if generator.random() < 0.5 else unchanged


def _linear(image: Image.Image, *, factor: float = 1, offset: float = 0) -> Image.Image:
    """Every channel times a factor plus an offset, rounded and kept within 0 … 255."""
    table = (np.arange(256) * factor + offset).round().clip(0, 255).astype(int).tolist()
    return image.point(table * len(image.getbands()))
