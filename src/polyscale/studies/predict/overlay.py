"""A prediction of every pixel, in colours over its picture, with a legend."""

from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from polyscale.tasks.maps.predictor import Outputs

OPACITY = 0.55
"""Of the colours over the picture."""

PAPER, INK = (255, 255, 255), (30, 30, 30)


def draw_overlay(image: Image.Image, predicted: NDArray, outputs: Outputs) -> Image.Image:
    """The picture under its prediction, and beside it what the colours mean.

    Args:
        image: 8-bit RGB.
        predicted: labels or metres (h, w), of the same size.
        outputs: what they mean.
    """
    colours = Image.fromarray(outputs.colour(predicted))
    blended = Image.blend(image.convert("RGB"), colours, OPACITY)
    size = min(48, max(12, image.height // 24))
    font, line = ImageFont.load_default(size), round(1.5 * size)
    entries = outputs.legend(predicted)
    most = max(1, (image.height - size) // line)
    if len(entries) > most:
        entries = [*entries[: most - 1], (f"and {len(entries) - most + 1} more", PAPER)]
    width = max((font.getlength(text) for text, _ in entries), default=0)
    canvas = Image.new("RGB", (image.width + round(width) + 3 * size, image.height), PAPER)
    canvas.paste(blended)
    draw, left = ImageDraw.Draw(canvas), image.width + size // 2
    for number, (text, colour) in enumerate(entries):
        top = size // 2 + number * line
        draw.rectangle((left, top, left + size, top + size), fill=colour)
        draw.text((left + size * 1.5, top + size / 2), text, INK, font, anchor="lm")
    return canvas
