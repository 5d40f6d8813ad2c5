"""Soft light from many hard shadows: render passes under different lamps are averaged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tools.rooms.mesh import Floats, unit
from tools.rooms.things import Rng

NUM_PASSES = 18


@dataclass(frozen=True)
class Lamp:
    """Parallel light along `direction` (3,), colour (3,); with or without shadows."""

    direction: Floats
    rgb: Floats
    shadow: bool


@dataclass(frozen=True)
class Lighting:
    """Lamps of each pass, subpixel camera shifts (x, y) of each pass, ambient level in 0–1."""

    passes: tuple[tuple[Lamp, ...], ...]
    shifts_px: Floats
    ambient: float
    mean_level: float


def draw_lighting(rng: Rng) -> Lighting:
    """A key light from high on one side, a dome above, weak shadowless glows all around."""
    heading, height = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(42, 68))
    key = -_toward(heading, height)
    warmth = rng.uniform(-1, 1)
    key_rgb = np.array([1 + 0.06 * warmth, 1.0, 1 - 0.10 * warmth]) * rng.uniform(0.28, 0.46)
    dome_rgb = np.array([1 - 0.02 * warmth, 1.0, 1 + 0.03 * warmth]) * rng.uniform(0.30, 0.42)
    turn = rng.uniform(0, 2 * np.pi)
    glows = [
        Lamp(_toward(turn + step * 2 * np.pi / 3, 0.15), np.full(3, 0.15), False)
        for step in range(3)
    ]
    glows.append(Lamp(np.array([0.0, 0.0, 1.0]), np.full(3, 0.22), False))
    spread = rng.uniform(0.05, 0.14)
    passes = []
    for direction in _dome(rng):
        near_key = unit(key + spread * rng.standard_normal(3))
        passes.append((Lamp(near_key, key_rgb, True), Lamp(direction, dome_rgb, True), *glows))
    return Lighting(tuple(passes), _shifts(rng), rng.uniform(0.28, 0.34), rng.uniform(0.48, 0.58))


def _toward(heading_rad: float, height_rad: float) -> Floats:
    """Unit vector (3,) from a heading and a height over the horizon."""
    flat = np.cos(height_rad)
    return np.array([np.cos(heading_rad) * flat, np.sin(heading_rad) * flat, np.sin(height_rad)])


def _golden(rng: Rng) -> Floats:
    """NUM_PASSES points (n, 2) spread evenly over the unit square."""
    steps = np.arange(NUM_PASSES)[:, None] * np.array([0.7548776662, 0.5698402910])
    return (steps + rng.uniform(0, 1, 2)) % 1


def _dome(rng: Rng) -> Floats:
    """Downward directions (n, 3), denser towards the vertical as a bright ceiling asks for."""
    u, v = _golden(rng).T
    sine = np.sqrt(0.8 * u)
    angle = 2 * np.pi * v
    return -np.stack([sine * np.cos(angle), sine * np.sin(angle), np.sqrt(1 - sine**2)], 1)


def _shifts(rng: Rng) -> Floats:
    return _golden(rng) - 0.5


def exposed(colour: Floats, lighting: Lighting) -> Floats:
    """Brightness brought to the lighting's mean level, highlights rolled off; in 0–1."""
    gain = np.clip(lighting.mean_level / colour.mean(), 0.7, 2.8)
    bright = colour * gain
    knee = 0.82
    over = np.maximum(bright - knee, 0)
    return np.where(bright > knee, knee + (1 - knee) * (1 - np.exp(-over / (1 - knee))), bright)
