"""The eight kinds of small object to recognise.

What tells a kind from a plainer object (a bolt's shaft, a mug's handle, a nut's bore, the thread on
a spool) is a part of its own, so that `sample` can ask for all parts to be seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from tools.rooms.mesh import Floats, Mesh, box, lathe, merge, plate, tube
from tools.rooms.palette import finish
from tools.rooms.textures import coordinates, mix, to_texture
from tools.rooms.things import Part, Rng, Surface, Texture, Thing

# A target is scaled by a factor in this range, whatever its kind,
SCALE = (1.2, 1.65)
# and by this factor of its kind, which evens out the mean areas in the picture.
KIND_SCALE = {
    "bolt": 1.12,
    "die": 1.0,
    "gear": 1.0,
    "key": 1.1,
    "mug": 0.85,
    "nut": 0.92,
    "pawn": 1.08,
    "spool": 0.95,
}


def make_target(kind: str, rng: Rng) -> Thing:
    """A target of `kind` in a random finish, size, resting pose and heading, on z = 0."""
    thing = _MAKERS[kind](rng)
    thing = thing.scaled(rng.uniform(*SCALE) * KIND_SCALE[kind]).turned(
        "z", rng.uniform(0, 2 * np.pi)
    )
    return thing.settled()


def _thing(kind: str, *parts: tuple[Mesh, Surface]) -> Thing:
    return Thing(kind, tuple(Part(mesh, surface) for mesh, surface in parts))


def _hexagon(across_flats: float) -> Callable[[Floats], Floats]:
    """Outline of a regular hexagon as a function of the angle."""

    def radius(angle: Floats) -> Floats:
        return across_flats / 2 / np.cos((angle + np.pi / 6) % (np.pi / 3) - np.pi / 6)

    return radius


def _nut(rng: Rng) -> Thing:
    bore, height = 0.019, 0.028
    body = plate(_hexagon(0.066), bore, height)
    lining = lathe([(bore - 0.0003, height), (bore - 0.0003, 0)])
    surface = finish(rng)
    thing = _thing("nut", (body, surface), (lining, surface))
    # on one of its flats, or lying
    return thing.turned("z", np.pi / 6).turned("x", np.pi / 2) if rng.random() < 0.4 else thing


def _gear(rng: Rng) -> Thing:
    teeth = int(rng.integers(9, 13))

    def radius(angle: Floats) -> Floats:
        wave = np.cos(angle * teeth)
        return 0.035 + 0.008 * np.clip(2.2 * wave, -1, 1)

    disc = plate(radius, 0.011, 0.016, samples=teeth * 16)
    hub = plate(lambda angle: np.full_like(angle, 0.019), 0.011, 0.026)
    thing = _thing("gear", (merge([disc, hub.moved([0, 0, -0.005])]), finish(rng)))
    # on two of its teeth, or lying
    upright = rng.random() < 0.4
    return thing.turned("z", np.pi / teeth).turned("x", np.pi / 2) if upright else thing


def _key(rng: Rng) -> Thing:
    bow = plate(lambda angle: 0.024 + 0.003 * np.cos(3 * angle), 0.012, 0.009)
    shaft = box([0.072, 0.010, 0.0084], 0.0015).moved([0.058, 0, 0.0045])
    bits = [
        box([0.009, 0.020, 0.007], 0.001).moved([x, -0.014, 0.0045])
        for x in (0.088, 0.074, 0.060)[: int(rng.integers(2, 4))]
    ]
    thing = _thing("key", (merge([bow, shaft, *bits]), finish(rng)))
    return thing.turned("x", np.pi) if rng.random() < 0.5 else thing


def _bolt(rng: Rng) -> Thing:
    head_height, length, radius = 0.017, 0.066, 0.0125
    surface = finish(rng)
    head = plate(_hexagon(0.042), 0.0, head_height)
    turns = int(rng.integers(9, 13))
    steps = np.linspace(0, 1, 2 * turns + 1)
    thread = [
        (radius - (0.003 if step % 2 else 0.0), head_height + 0.012 + (length - 0.016) * t)
        for step, t in enumerate(steps)
    ]
    shaft = lathe(
        [(radius, head_height), *thread, (0.0085, length + head_height), (0, length + head_height)]
    )
    thing = _thing("bolt", (head, surface), (shaft, surface))
    if rng.random() < 0.3:
        return thing
    # on its side: the head's flat and the tip touch the ground
    tilt = np.arctan2(0.021 - radius, length + 0.5 * head_height)
    return thing.turned("z", np.pi / 6).turned("x", np.pi / 2 + tilt)


def _pips(rng: Rng, body: Surface) -> Texture:
    """Six faces in a row of six squares (64 px each), pips dark on light and light on dark."""
    size = 64
    x, y = coordinates(size)
    dots = {
        1: [(0, 0)],
        2: [(-1, -1), (1, 1)],
        3: [(-1, -1), (0, 0), (1, 1)],
        4: [(-1, -1), (1, -1), (-1, 1), (1, 1)],
        5: [(-1, -1), (1, -1), (0, 0), (-1, 1), (1, 1)],
        6: [(-1, -1), (1, -1), (-1, 0), (1, 0), (-1, 1), (1, 1)],
    }
    dark = sum(body.rgb) > 1.3
    ink = (0.08, 0.08, 0.1) if dark else (0.96, 0.95, 0.92)
    faces = []
    for number in (1, 6, 2, 5, 3, 4):
        image = np.broadcast_to(np.asarray(body.rgb), (size, size, 3))
        for u, v in dots[number]:
            reach = np.hypot(x - 0.5 - 0.27 * u, y - 0.5 - 0.27 * v)
            image = mix(image, np.asarray(ink), (0.115 - reach) * 60)
        faces.append(image)
    return to_texture(np.concatenate(faces, axis=1))


def _die(rng: Rng) -> Thing:
    side, bevel = 0.047, 0.005
    surface = finish(rng)
    mesh = box([side, side, side], bevel)
    # the 24 vertices of the faces go to their squares of the strip, the bevels to its corner
    uv = np.full_like(mesh.uv, 0.004)
    local = mesh.uv[:24] / (side - 2 * bevel) + 0.5
    uv[:24, 0] = (np.repeat(np.arange(6), 4) + np.clip(local[:, 0], 0.01, 0.99)) / 6
    uv[:24, 1] = local[:, 1]
    surface = replace(surface, texture=_pips(rng, surface), rgb=(1.0, 1.0, 1.0))
    thing = _thing("die", (replace(mesh, uv=uv), surface))
    quarter_x, quarter_y = rng.integers(0, 4, 2)
    return thing.turned("x", quarter_x * np.pi / 2).turned("y", quarter_y * np.pi / 2)


def _mug(rng: Rng) -> Thing:
    radius, height, wall = 0.029, rng.uniform(0.060, 0.070), 0.0035
    inner = radius - wall
    cup = lathe(
        [
            (0, 0),
            (radius - 0.003, 0),
            (radius, 0.004),
            (radius, height),
            (inner, height),
            (inner, 0.006),
            (0, 0.006),
        ]
    )
    angle = np.linspace(-np.pi / 2 - 0.25, np.pi / 2 + 0.25, 15)
    bend = np.stack(
        [radius + 0.019 * np.cos(angle), np.zeros(15), 0.5 * height + 0.021 * np.sin(angle)], 1
    )
    surface = finish(rng)
    return _thing("mug", (cup, surface), (tube(bend, 0.0045), surface))


def _pawn(rng: Rng) -> Thing:
    ball = [
        (0.0165 * np.cos(a), 0.066 + 0.0165 * np.sin(a)) for a in np.linspace(-0.95, np.pi / 2, 9)
    ]
    body = lathe(
        [
            (0, 0),
            (0.026, 0),
            (0.026, 0.008),
            (0.022, 0.013),
            (0.0145, 0.020),
            (0.010, 0.034),
            (0.0085, 0.046),
            (0.0165, 0.049),
            (0.0165, 0.0525),
            *ball[:-1],
            (0, ball[-1][1]),
        ]
    )
    thing = _thing("pawn", (body, finish(rng)))
    return thing.turned("x", np.pi / 2 + 0.146) if rng.random() < 0.25 else thing


def _spool(rng: Rng) -> Thing:
    bore, flange, height = 0.007, 0.027, 0.058
    reel = lathe(
        [
            (bore, 0),
            (flange, 0),
            (flange, 0.007),
            (0.014, 0.010),
            (0.014, height - 0.010),
            (flange, height - 0.007),
            (flange, height),
            (bore, height),
            (bore, 0),
        ]
    )
    ridges = 14
    wound = [
        (0.0205 + 0.0009 * (step % 2), 0.0085 + (height - 0.017) * step / ridges)
        for step in range(ridges + 1)
    ]
    thread = lathe([(0.014, 0.0085), *wound, (0.014, height - 0.0085)])
    thing = _thing("spool", (reel, finish(rng)), (thread, finish(rng)))
    return thing.turned("x", np.pi / 2) if rng.random() < 0.4 else thing


_MAKERS: dict[str, Callable[[Rng], Thing]] = {
    "bolt": _bolt,
    "die": _die,
    "gear": _gear,
    "key": _key,
    "mug": _mug,
    "nut": _nut,
    "pawn": _pawn,
    "spool": _spool,
}
