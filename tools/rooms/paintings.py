"""Invented graphics: abstract paintings, a view from a window, book covers, printed cartons."""

from __future__ import annotations

import numpy as np
from tools.rooms.mesh import Floats
from tools.rooms.textures import coordinates, mix, noise, shade, to_texture
from tools.rooms.things import Rgb, Rng, Texture

SIZE_PX = 256


def painting(rng: Rng, palette: list[Rgb]) -> Texture:
    """An abstract painting in one of four manners."""
    style = (_hills, _rectangles, _discs, _strokes)[int(rng.integers(4))]
    canvas = 1 + 0.025 * noise(rng, SIZE_PX, 0.4)
    return to_texture(style(rng, np.asarray(palette)) * canvas[..., None])


def _hills(rng: Rng, palette: Floats) -> Floats:
    """Layered ridges under a sun."""
    x, y = coordinates(SIZE_PX)
    image = mix((0.95, 0.90, 0.80), palette[0] * 0.5 + 0.5, 1 - y)
    sun = np.hypot(x - rng.uniform(0.2, 0.8), y - rng.uniform(0.15, 0.4))
    image = mix(image, np.asarray((0.95, 0.62, 0.25)), (rng.uniform(0.07, 0.13) - sun) * 90)
    for layer in range(4):
        ridge = 0.4 + 0.13 * layer + 0.05 * noise(rng, SIZE_PX, 1.9)[0][None]
        colour = palette[layer % len(palette)] * (1 - 0.13 * layer)
        image = mix(image, colour, (y - ridge) * 120)
    return image


def _rectangles(rng: Rng, palette: Floats) -> Floats:
    """A grid of uneven fields with dark lines between them."""
    cuts = [np.sort(rng.uniform(0.1, 0.9, rng.integers(2, 5))) for _ in range(2)]
    x, y = coordinates(SIZE_PX)
    column, row = np.searchsorted(cuts[0], x), np.searchsorted(cuts[1], y)
    paper = np.asarray([(0.93, 0.91, 0.86)] * 3)
    choice = rng.integers(0, len(palette) + 3, (6, 6))[row, column]
    image = np.concatenate([palette, paper])[choice]
    for cut, axis in ((cuts[0], x), (cuts[1], y)):
        for value in cut:
            image = mix(image, np.asarray((0.13, 0.12, 0.12)), (0.012 - np.abs(axis - value)) * 200)
    return image


def _discs(rng: Rng, palette: Floats) -> Floats:
    x, y = coordinates(SIZE_PX)
    image = np.broadcast_to(np.asarray((0.92, 0.89, 0.83)), (SIZE_PX, SIZE_PX, 3))
    for _ in range(int(rng.integers(5, 11))):
        reach = np.hypot(x - rng.uniform(0, 1), y - rng.uniform(0, 1))
        radius = rng.uniform(0.05, 0.3)
        inside = (radius - reach) * 120
        if rng.random() < 0.4:
            inside = (0.02 - np.abs(reach - radius)) * 120
        image = mix(image, palette[rng.integers(len(palette))], 0.9 * np.clip(inside, 0, 1))
    return image


def _strokes(rng: Rng, palette: Floats) -> Floats:
    """Broad fields of colour with soft, brushed edges."""
    x, y = coordinates(SIZE_PX)
    image = np.broadcast_to(palette[0] * 0.4 + 0.55, (SIZE_PX, SIZE_PX, 3))
    for _ in range(int(rng.integers(4, 8))):
        angle = rng.uniform(-0.5, 0.5)
        across = (y - rng.uniform(0.1, 0.9)) * np.cos(angle) + (x - 0.5) * np.sin(angle)
        brushed = 0.03 * noise(rng, SIZE_PX, 1.0, (8.0, 1.0))
        weight = (rng.uniform(0.04, 0.14) - np.abs(across + brushed)) * 40
        image = mix(image, palette[rng.integers(len(palette))], 0.85 * np.clip(weight, 0, 1))
    return image


def outdoors(rng: Rng) -> Texture:
    """A bright view through a window: sky, clouds, distant trees."""
    x, y = coordinates(SIZE_PX)
    sky = mix((0.93, 0.95, 0.97), (0.62, 0.78, 0.95), 1 - 1.4 * y)
    sky = mix(sky, np.asarray((1.0, 1.0, 1.0)), 0.5 * (noise(rng, SIZE_PX, 1.7, (1.0, 2.0)) - 0.2))
    for layer in range(2):
        ridge = rng.uniform(0.55, 0.7) + 0.14 * layer + 0.04 * noise(rng, SIZE_PX, 1.3)[0][None]
        leaves = 1 + 0.12 * noise(rng, SIZE_PX, 0.9)
        colour = np.asarray((0.55, 0.68, 0.5)) * (1 - 0.2 * layer) * leaves[..., None]
        sky = mix(sky, colour, (y - ridge + 0 * x) * 90)
    return to_texture(sky)


def _scribbles(
    rng: Rng, image: Floats, rows: Floats, ink: Rgb, left: float, right: float
) -> Floats:
    """Lines of make-believe writing at heights `rows` (0–1)."""
    x, y = coordinates(len(image))
    for row in rows:
        ends = left + (right - left) * rng.uniform(0.6, 1.0)
        letters = np.sin(x * rng.uniform(150, 220) + rng.uniform(0, 6)) > -0.5
        inside = (np.abs(y - row) < 0.018) & (x > left) & (x < ends) & letters
        image = mix(image, ink, inside.astype(np.float64))
    return image


def cover(rng: Rng, rgb: Rgb, accent: Rgb) -> Texture:
    """Front of a book: a field, a figure and two lines of make-believe writing."""
    x, y = coordinates(SIZE_PX)
    image = np.asarray(rgb) * (1 + 0.03 * noise(rng, SIZE_PX, 0.9))[..., None]
    middle = np.hypot(x - 0.5, y - rng.uniform(0.55, 0.68))
    figure = (0.18 - middle, 0.02 - np.abs(middle - 0.17), 0.1 - np.abs(y - 0.6))
    image = mix(image, np.asarray(accent), figure[int(rng.integers(3))] * 120)
    return to_texture(_scribbles(rng, image, np.asarray([0.16, 0.25]), accent, 0.15, 0.85))


def spine(rng: Rng) -> Texture:
    """Back of a book along x: near white, so that the tint of each book shows, with bands."""
    x, y = coordinates(128)
    image = np.broadcast_to(np.asarray((0.95, 0.95, 0.95)), (128, 128, 3))
    for place in (0.12, 0.84):
        image = mix(
            image, shade((0.9, 0.8, 0.5), rng.uniform(0.5, 1.1)), (0.02 - np.abs(x - place)) * 300
        )
    letters = np.sin(x * rng.uniform(110, 160)) > -0.4
    writing = (np.abs(y - 0.5) < 0.14) & (x > 0.24) & (x < rng.uniform(0.5, 0.75)) & letters
    return to_texture(mix(image, (0.15, 0.13, 0.12), 0.8 * writing.astype(np.float64)))


def label(rng: Rng, rgb: Rgb, accent: Rgb) -> Texture:
    """Side of a carton: bands, a figure, lines of make-believe writing."""
    x, y = coordinates(SIZE_PX)
    image = np.asarray(rgb) * (1 + 0.02 * noise(rng, SIZE_PX, 0.9))[..., None]
    image = mix(image, np.asarray(accent), (np.abs(y - 0.5) - rng.uniform(0.3, 0.4)) * 120)
    spot = np.abs(x - 0.5) + np.abs(y - 0.42) if rng.random() < 0.5 else np.hypot(x - 0.5, y - 0.42)
    image = mix(image, np.asarray(shade(accent, 0.75)), (0.15 - spot) * 120)
    return to_texture(_scribbles(rng, image, np.asarray([0.64, 0.72]), (0.2, 0.2, 0.22), 0.2, 0.8))
