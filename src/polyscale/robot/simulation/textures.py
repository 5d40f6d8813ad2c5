"""Procedural textures of wood, stone, cloth and tiles, made from noise."""

import math

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

SIDE_PX = 256

Rng = np.random.Generator
Grey = Float[np.ndarray, "side side"]


def make_textures(num: int) -> list[UInt8[np.ndarray, "side side 3"]]:
    """Make `num` different textures, the same in every call: RGB from 0 to 255."""
    rng = np.random.default_rng(0)
    patterns = (_planks, _marble, _tiles, _plaid, _granite, _stripes)
    return [_coloured(patterns[i % len(patterns)](rng), rng) for i in range(num)]


def _coloured(grey: Grey, rng: Rng) -> UInt8[np.ndarray, "side side 3"]:
    """Blend two pale colours: one where the pattern is 0, the other where it is 1."""
    dark, light = rng.uniform(0.25, 0.55, 3), rng.uniform(0.6, 0.95, 3)
    dark, light = (0.5 * colour + 0.5 * colour.mean() for colour in (dark, light))
    colours = dark + (light - dark) * grey.clip(0, 1)[..., None]
    return (255 * colours).round().astype(np.uint8)


def _noise(rng: Rng, cells_y: int, cells_x: int, octaves: int = 4) -> Grey:
    """Smooth noise, 0 to 1; each octave is twice as fine as the one before, and half as strong."""
    total = np.zeros((SIDE_PX, SIDE_PX))
    for octave in range(octaves):
        shape = (cells_y << octave, cells_x << octave)
        coarse = Image.fromarray(rng.random(shape, dtype=np.float32))
        fine = coarse.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)
        total += np.asarray(fine) / 2**octave
    return (total - total.min()) / np.ptp(total)


def _ramp() -> Grey:
    """0 to 1 from left to right."""
    return np.tile(np.linspace(0, 1, SIDE_PX, endpoint=False), (SIDE_PX, 1))


def _planks(rng: Rng) -> Grey:
    num = int(rng.integers(4, 9))
    plank = (num * _ramp()).astype(int)
    grain = _noise(rng, 2, 48)
    gaps = np.abs(num * _ramp() - (num * _ramp()).round()) > 0.03
    return (0.6 * grain + 0.4 * rng.random(num)[plank]) * gaps


def _marble(rng: Rng) -> Grey:
    bend = 3 * _noise(rng, 3, 3, octaves=6)
    return np.abs(np.sin(math.pi * (2 * _ramp() + bend)))


def _tiles(rng: Rng) -> Grey:
    num = int(rng.integers(4, 10))
    x = (num * _ramp()).astype(int)
    shades = rng.random((num, num))[x.T, x]
    edge = np.abs(num * _ramp() - (num * _ramp()).round()) < 0.05
    return np.where(edge | edge.T, 0, 0.7 * shades + 0.3 * _noise(rng, 16, 16))


def _plaid(rng: Rng) -> Grey:
    num = int(rng.integers(8, 24))
    bands = rng.random(num)[(num * _ramp()).astype(int)]
    return 0.45 * bands + 0.45 * bands.T + 0.1 * rng.random((SIDE_PX, SIDE_PX))


def _granite(rng: Rng) -> Grey:
    return 0.5 * _noise(rng, 6, 6) + 0.5 * (_noise(rng, 96, 96, octaves=2) > 0.55)


def _stripes(rng: Rng) -> Grey:
    num = int(rng.integers(6, 20))
    wobble = 0.5 * _noise(rng, 2, 2)
    return 0.8 * (np.sin(2 * math.pi * (num * _ramp() + wobble)) > 0) + 0.2 * _noise(rng, 64, 64)
