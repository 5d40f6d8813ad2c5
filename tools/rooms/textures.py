"""Procedural textures: tileable uint8 images (height, width, 3), drawn from a random generator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tools.rooms.mesh import Floats
from tools.rooms.things import Rgb, Rng, Texture

SIZE_PX = 384


def noise(
    rng: Rng, size_px: int, falloff: float, stretch_xy: tuple[float, float] = (1.0, 1.0)
) -> Floats:
    """Tileable noise (size, size), mean 0 and deviation 1; amplitude ~ 1 / frequency ** falloff.

    `stretch_xy` elongates the pattern along an axis.
    """
    fy = np.fft.fftfreq(size_px)[:, None] * size_px * stretch_xy[1]
    fx = np.fft.rfftfreq(size_px)[None] * size_px * stretch_xy[0]
    spectrum = np.fft.rfft2(rng.standard_normal((size_px, size_px)))
    spectrum *= 1.0 / np.maximum(np.hypot(fx, fy), 1.0) ** falloff
    spectrum[0, 0] = 0.0
    field = np.fft.irfft2(spectrum, s=(size_px, size_px))
    return np.asarray(field / field.std())


def coordinates(size_px: int) -> tuple[Floats, Floats]:
    """X and y of pixel centres, each (size, size), in [0, 1)."""
    axis = (np.arange(size_px) + 0.5) / size_px
    x, y = np.meshgrid(axis, axis)
    return x, y


def mix(low: Rgb | Floats, high: Rgb | Floats, weight: Floats) -> Floats:
    """Colours (..., 3) between two colours, by weights (...)."""
    weight = np.clip(weight, 0, 1)[..., None]
    return np.asarray(low) * (1 - weight) + np.asarray(high) * weight


def to_texture(rgb: Floats) -> Texture:
    """Colours (h, w, 3) in 0–1 as bytes."""
    return np.round(np.clip(rgb, 0, 1) * 255).astype(np.uint8)


def shade(rgb: Rgb, factor: float) -> Rgb:
    """The colour, darker or brighter by `factor`."""
    r, g, b = (min(1.0, channel * factor) for channel in rgb)
    return (r, g, b)


def wood(rng: Rng, rgb: Rgb, size_px: int = SIZE_PX) -> Texture:
    """Grain along x: wavy growth rings, fine fibres, a few darker streaks."""
    return to_texture(_wood(rng, rgb, size_px))


def _wood(rng: Rng, rgb: Rgb, size_px: int) -> Floats:
    _, y = coordinates(size_px)
    warp = noise(rng, size_px, 1.9, (5.0, 1.0))
    rings = 0.5 + 0.5 * np.sin(2 * np.pi * (y * rng.integers(5, 11) + 0.45 * warp))
    fibre = noise(rng, size_px, 0.6, (24.0, 1.0))
    streak = noise(rng, size_px, 1.2, (10.0, 1.0))
    base = mix(shade(rgb, 0.68), shade(rgb, 1.12), 0.25 + 0.5 * rings**1.5 + 0.12 * fibre)
    return base * (1 - 0.10 * np.clip(streak - 0.6, 0, 2))[..., None]


def planks(rng: Rng, rgb: Rgb, num_rows: int = 6) -> Texture:
    """Floor boards along x, each cut from another place of the wood and toned differently."""
    size = 512
    boards = _wood(rng, rgb, size)
    height = size // num_rows
    out = np.zeros_like(boards)
    for row in range(num_rows):
        top, bottom = row * height, (row + 1) * height if row < num_rows - 1 else size
        joint = int(rng.integers(0, size))
        strip = np.roll(boards, int(rng.integers(0, size)), axis=1)[top:bottom]
        strip = (
            strip * rng.uniform(0.86, 1.08, 2)[(np.arange(size) < size // 2).astype(int)][:, None]
        )
        strip[:, :2] *= 0.55
        strip[:, size // 2 : size // 2 + 2] *= 0.55
        strip[:2] *= 0.55
        out[top:bottom] = np.roll(strip, joint, axis=1)
    return to_texture(out)


def plaster(rng: Rng, rgb: Rgb) -> Texture:
    """Plain painted wall, faintly mottled."""
    grain = 0.022 * noise(rng, SIZE_PX, 0.5) + 0.02 * noise(rng, SIZE_PX, 1.6)
    return to_texture(np.asarray(rgb) * (1 + grain[..., None]))


def bricks(rng: Rng, rgb: Rgb) -> Texture:
    """Running bond of 8 courses, mortar joints a little lighter or darker than the bricks."""
    x, y = coordinates(SIZE_PX)
    course = np.floor(y * 8)
    along = x * 4 + 0.5 * (course % 2)
    tone = rng.uniform(0.82, 1.1, (8, 4))[course.astype(int), np.floor(along).astype(int) % 4]
    edge = np.minimum(
        np.minimum(along % 1, 1 - along % 1) * 2, np.minimum(y * 8 % 1, 1 - y * 8 % 1)
    )
    grain = 1 + 0.05 * noise(rng, SIZE_PX, 0.7)
    brick = np.asarray(rgb) * (tone * grain)[..., None]
    joint = np.asarray(shade(rgb, 0.72))
    return to_texture(mix(joint, brick, np.clip((edge - 0.05) * 18, 0, 1)))


def tiles(rng: Rng, rgb: Rgb, other: Rgb, num: int = 4) -> Texture:
    """Square tiles with joints; two colours in chequers, or one."""
    x, y = coordinates(SIZE_PX)
    column, row = np.floor(x * num).astype(int), np.floor(y * num).astype(int)
    tone = rng.uniform(0.93, 1.05, (num, num))[row, column]
    colour = mix(rgb, other, ((row + column) % 2).astype(np.float64))
    vein = 1 + 0.03 * noise(rng, SIZE_PX, 1.4)
    edge = np.minimum(
        np.minimum(x * num % 1, 1 - x * num % 1), np.minimum(y * num % 1, 1 - y * num % 1)
    )
    joint = np.asarray(shade(rgb, 0.7))
    return to_texture(mix(joint, colour * (tone * vein)[..., None], (edge - 0.012) * 60))


def carpet(rng: Rng, rgb: Rgb) -> Texture:
    """Short pile."""
    pile = 0.10 * noise(rng, SIZE_PX, 0.15) + 0.05 * noise(rng, SIZE_PX, 1.3)
    return to_texture(np.asarray(rgb) * (1 + pile[..., None]))


def fabric(rng: Rng, rgb: Rgb) -> Texture:
    """Plain weave."""
    x, y = coordinates(SIZE_PX)
    weave = np.sin(2 * np.pi * 48 * x) * np.sin(2 * np.pi * 48 * y)
    tone = 1 + 0.09 * weave + 0.05 * noise(rng, SIZE_PX, 0.8)
    return to_texture(np.asarray(rgb) * tone[..., None])


def marble(rng: Rng, rgb: Rgb) -> Texture:
    """Pale stone with thin dark veins."""
    cloud = noise(rng, SIZE_PX, 1.5)
    vein = np.exp(-((noise(rng, SIZE_PX, 1.7) / 0.09) ** 2))
    return to_texture(np.asarray(rgb) * (1 + 0.035 * cloud - 0.28 * vein)[..., None])


def wallpaper(rng: Rng, rgb: Rgb, other: Rgb) -> Texture:
    """Stripes, dots, or leaves in a half-drop repeat, low in contrast."""
    x, y = coordinates(SIZE_PX)
    style = int(rng.integers(3))
    if style == 0:
        pattern = (np.sin(2 * np.pi * 6 * x) > rng.uniform(-0.4, 0.6)).astype(np.float64)
    else:
        half_drop = np.floor(x * 6) % 2
        u, v = x * 6 % 1 - 0.5, (y * 6 + 0.5 * half_drop) % 1 - 0.5
        reach = np.hypot(u, v) if style == 1 else np.abs(u) * 2.4 + v**2 * 2.2
        pattern = np.clip((0.28 - reach) * 25, 0, 1)
    grain = 1 + 0.015 * noise(rng, SIZE_PX, 0.8)
    return to_texture(mix(rgb, other, pattern) * grain[..., None])


def rug(rng: Rng, palette: Sequence[Rgb]) -> Texture:
    """One whole rug: borders, and a field of diamonds, stripes or rings, with pile."""
    size = 512
    x, y = coordinates(size)
    u, v = np.abs(x - 0.5), np.abs(y - 0.5)
    colours = np.asarray(palette)[rng.permutation(len(palette))]
    num = int(rng.integers(3, 7))
    fields = (
        np.abs(x * num % 1 - 0.5) + np.abs(y * num % 1 - 0.5),
        (x * num * 2) % 1,
        (np.hypot(u, v) * num * 1.5) % 1,
    )
    field = fields[int(rng.integers(len(fields)))]
    index = np.where(field < 0.33, 0, np.where(field < 0.6, 1, 2)) % len(colours)
    border = np.maximum(u, v)
    for limit, colour in ((0.40, 1), (0.43, 2), (0.465, 0)):
        index = np.where(border > limit, colour % len(colours), index)
    pile = 1 + 0.08 * noise(rng, size, 0.15) + 0.03 * noise(rng, size, 1.3)
    return to_texture(colours[index] * pile[..., None])
