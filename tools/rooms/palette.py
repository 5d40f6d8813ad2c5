"""Colours. Targets and clutter draw from one list, so that colour says nothing about the kind."""

from __future__ import annotations

from tools.rooms.things import Rgb, Rng, Surface

WOODS: list[Rgb] = [
    (0.80, 0.62, 0.42),
    (0.66, 0.46, 0.29),
    (0.58, 0.40, 0.27),
    (0.87, 0.74, 0.56),
    (0.72, 0.52, 0.38),
    (0.60, 0.53, 0.45),
    (0.90, 0.86, 0.79),
]
WALLS: list[Rgb] = [
    (0.90, 0.88, 0.83),
    (0.84, 0.87, 0.88),
    (0.88, 0.82, 0.74),
    (0.78, 0.84, 0.79),
    (0.76, 0.80, 0.86),
    (0.90, 0.80, 0.76),
    (0.86, 0.84, 0.70),
    (0.70, 0.76, 0.76),
]
FABRICS: list[Rgb] = [
    (0.36, 0.46, 0.58),
    (0.66, 0.34, 0.30),
    (0.45, 0.55, 0.44),
    (0.80, 0.68, 0.45),
    (0.72, 0.69, 0.65),
    (0.48, 0.40, 0.50),
    (0.34, 0.50, 0.52),
    (0.83, 0.76, 0.68),
]
PAINTS: list[Rgb] = [
    (0.78, 0.20, 0.18),
    (0.88, 0.50, 0.16),
    (0.93, 0.77, 0.24),
    (0.36, 0.60, 0.30),
    (0.15, 0.53, 0.52),
    (0.20, 0.40, 0.70),
    (0.46, 0.33, 0.62),
    (0.85, 0.50, 0.58),
    (0.93, 0.91, 0.86),
    (0.27, 0.28, 0.31),
]
METALS: list[Rgb] = [
    (0.76, 0.77, 0.79),
    (0.83, 0.66, 0.33),
    (0.78, 0.50, 0.36),
    (0.50, 0.52, 0.56),
]


def pick(rng: Rng, colours: list[Rgb]) -> Rgb:
    """One of the colours, each channel varied by up to 8 %."""
    r, g, b = (
        min(1.0, c * rng.uniform(0.92, 1.08)) for c in colours[int(rng.integers(len(colours)))]
    )
    return (r, g, b)


def finish(rng: Rng) -> Surface:
    """Paint, metal or bare wood for a small object, target or not."""
    choice = rng.random()
    if choice < 0.55:
        return Surface(pick(rng, PAINTS), specular=0.25, shininess=0.4)
    if choice < 0.85:
        return Surface(pick(rng, METALS), specular=0.6, shininess=0.55)
    return Surface(pick(rng, WOODS), specular=0.1, shininess=0.2)
