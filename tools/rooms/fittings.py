"""What makes a room lived in: lamps, a plant, framed pictures, a window, a rug."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from tools.rooms.furniture import Furniture
from tools.rooms.mesh import Mesh, box, cylinder, lathe, merge, quad, rotation
from tools.rooms.palette import FABRICS, WOODS, finish, pick
from tools.rooms.textures import fabric, shade
from tools.rooms.things import Part, Rng, Surface, Texture, Thing


def floor_lamp(rng: Rng) -> Furniture:
    """Lamp on a pole, 1.4–1.6 m tall."""
    height = rng.uniform(1.35, 1.6)
    metal = finish(rng)
    pole = merge(
        [
            lathe([(0, 0), (0.14, 0), (0.14, 0.012), (0.02, 0.03), (0, 0.03)]),
            cylinder(0.011, height).moved([0, 0, 0.02]),
        ]
    )
    return Furniture((Thing("lamp", (Part(pole, metal), _shade(rng, height - 0.12, 0.17))),))


def _shade(rng: Rng, z: float, radius: float) -> Part:
    """Cloth shade, lit from inside."""
    top = radius * rng.uniform(0.55, 0.9)
    tall = radius * rng.uniform(1.1, 1.5)
    mesh = lathe([(radius, z), (top, z + tall)]).two_sided()
    cloth = fabric(rng, pick(rng, [(0.95, 0.90, 0.80), (0.93, 0.82, 0.66), (0.90, 0.88, 0.84)]))
    return Part(mesh.with_uv(1.0), Surface(texture=cloth, specular=0.0, emission=0.45))


def desk_lamp(rng: Rng) -> Thing:
    """Lamp of 25–40 cm for a table or a shelf."""
    height = rng.uniform(0.22, 0.3)
    foot = lathe([(0, 0), (0.06, 0), (0.06, 0.01), (0.012, 0.025), (0.012, height), (0, height)])
    return Thing("lamp", (Part(foot, finish(rng)), _shade(rng, height - 0.03, 0.095)))


def pendant(rng: Rng, ceiling: float, z: float) -> Thing:
    """Lamp on a cord from the ceiling, its lower rim at height `z`."""
    radius = rng.uniform(0.14, 0.22)
    cord = cylinder(0.004, ceiling - z - 0.1).moved([0, 0, z + 0.1])
    t = np.linspace(0, 1, 8)
    dome = lathe(
        [(radius * np.cos(a * 1.45), z + 0.17 * np.sin(a * np.pi / 2)) for a in t]
    ).two_sided()
    return Thing("lamp", (Part(cord, Surface((0.15, 0.15, 0.15))), Part(dome, finish(rng))))


def plant(rng: Rng) -> Furniture:
    """Pot, soil and arching leaves, 0.4–0.8 m tall."""
    radius, height = rng.uniform(0.12, 0.18), rng.uniform(0.2, 0.32)
    pot = lathe(
        [
            (0, 0),
            (radius * 0.75, 0),
            (radius, height),
            (radius - 0.012, height),
            (radius - 0.014, height - 0.03),
            (0, height - 0.03),
        ]
    )
    green = pick(rng, [(0.30, 0.50, 0.24), (0.24, 0.43, 0.28), (0.45, 0.56, 0.28)])
    leaf_surfaces = [Surface(shade(green, f), specular=0.2, shininess=0.3) for f in (0.8, 1.0, 1.2)]
    parts = [
        Part(
            pot,
            Surface(pick(rng, [(0.72, 0.43, 0.32), (0.90, 0.88, 0.84), *FABRICS]), specular=0.15),
        ),
        Part(
            cylinder(radius - 0.015, 0.002).moved([0, 0, height - 0.03]),
            Surface((0.22, 0.16, 0.12)),
        ),
    ]
    for index in range(int(rng.integers(14, 24))):
        leaf = _leaf(rng.uniform(0.32, 0.55), rng.uniform(0.022, 0.045), rng.uniform(0.5, 1.3))
        heading = index * 2.4 + rng.uniform(-0.3, 0.3)
        leaf = leaf.rotated(rotation("z", heading)).moved([0, 0, height - 0.035])
        parts.append(Part(leaf, leaf_surfaces[index % 3]))
    return Furniture((Thing("plant", tuple(parts)),))


def _leaf(length: float, half_width: float, rise_rad: float) -> Mesh:
    """Two-sided blade that leaves the origin at an angle and bends down towards its tip."""
    t = np.linspace(0, 1, 9)
    angle = rise_rad - 1.3 * t**1.5
    step = length / 8
    x = np.concatenate([[0], np.cumsum(np.cos(angle[:-1]) * step)])
    z = np.concatenate([[0], np.cumsum(np.sin(angle[:-1]) * step)])
    width = half_width * np.sin(np.pi * np.clip(t * 0.94 + 0.06, 0, 1)) ** 0.7
    strips = []
    for i in range(8):
        a, b = [x[i], 0, z[i]], [x[i + 1], 0, z[i + 1]]
        left = [
            np.add(b, [0, width[i + 1], 0.3 * width[i + 1]]),
            np.add(a, [0, width[i], 0.3 * width[i]]),
        ]
        right = [
            np.add(a, [0, -width[i], 0.3 * width[i]]),
            np.add(b, [0, -width[i + 1], 0.3 * width[i + 1]]),
        ]
        strips += [quad([a, b, *left]), quad([b, a, *right])]
    return merge(strips).two_sided()


def framed(rng: Rng, texture: Texture, width: float, height: float) -> Thing:
    """Picture in a frame, its back on y = 0, centred at the origin."""
    bar, deep = rng.uniform(0.018, 0.04), 0.025
    surface = finish(rng) if rng.random() < 0.5 else Surface(pick(rng, WOODS))
    bars = [
        box([width + 2 * bar, deep, bar]).moved([0, -deep / 2, s * (height + bar) / 2])
        for s in (-1, 1)
    ]
    bars += [box([bar, deep, height]).moved([s * (width + bar) / 2, -deep / 2, 0]) for s in (-1, 1)]
    x, y, z = width / 2, -0.012, height / 2
    mat = Surface((0.94, 0.93, 0.90), specular=0.0)
    sheet = quad([[-x, y, -z], [x, y, -z], [x, y, z], [-x, y, z]])
    k = rng.uniform(0.72, 0.86) if rng.random() < 0.6 else 1.0
    canvas = quad(
        [
            [-k * x, y - 0.002, -k * z],
            [k * x, y - 0.002, -k * z],
            [k * x, y - 0.002, k * z],
            [-k * x, y - 0.002, k * z],
        ]
    )
    art = Surface(texture=texture, specular=0.0)
    return Thing("picture", (Part(merge(bars), surface), Part(sheet, mat), Part(canvas, art)))


def window(rng: Rng, view: Texture, width: float, height: float) -> Thing:
    """Window whose bright panes face -y, back on y = 0, centred at the origin; with curtains."""
    white = Surface((0.92, 0.92, 0.90), specular=0.1)
    x, z, bar = width / 2, height / 2, 0.05
    bars = [
        box([width + 2 * bar, 0.05, bar]).moved([0, -0.025, s * (z + bar / 2)]) for s in (-1, 1)
    ]
    bars += [box([bar, 0.05, height]).moved([s * (x + bar / 2), -0.025, 0]) for s in (-1, 1)]
    bars += [
        box([0.03, 0.03, height]).moved([0, -0.02, 0]),
        box([width, 0.03, 0.03]).moved([0, -0.02, z / 3]),
    ]
    bars.append(box([width + 0.2, 0.12, 0.03]).moved([0, -0.06, -z - bar - 0.015]))
    glow = Surface(texture=view, rgb=(0.3, 0.3, 0.3), specular=0.0, emission=2.6)
    pane = quad([[-x, -0.006, -z], [x, -0.006, -z], [x, -0.006, z], [-x, -0.006, z]])
    parts = [Part(merge(bars), white), Part(pane, glow)]
    if rng.random() < 0.6:
        cloth = Surface(texture=fabric(rng, pick(rng, FABRICS)), specular=0.0)
        for sign in (-1, 1):
            curtain = _curtain(rng.uniform(0.22, 0.32), height + 0.3).moved(
                [sign * (x + 0.1), -0.1, -z - 0.2]
            )
            parts.append(Part(curtain, cloth))
    return Thing("window", tuple(parts))


def _curtain(width: float, height: float) -> Mesh:
    """Wavy cloth from z = 0 to `height`, facing -y."""
    x = np.linspace(-width / 2, width / 2, 41)
    path = np.stack([x, 0.022 * np.sin(x * 2 * np.pi / 0.075)], 1)
    strips = []
    for a, b in pairwise(path):
        strip = quad([[*a, 0], [*b, 0], [*b, height], [*a, height]])
        u = np.array([a[0], b[0], b[0], a[0]])[:, None]
        strips.append(replace(strip, uv=np.concatenate([u, strip.vertices[:, 2:]], 1) * 1.5))
    return merge(strips).two_sided()


def rug_thing(texture: Texture, width: float, depth: float) -> Thing:
    """Rug of 3 mm on z = 0."""
    x, y, z = width / 2, depth / 2, 0.003
    top = quad([[-x, -y, z], [x, -y, z], [x, y, z], [-x, y, z]])
    rim = box([width, depth, 0.0025]).moved([0, 0, 0.00125])
    edge = tuple(float(v) for v in texture[2, 2] / 255)
    return Thing(
        "rug",
        (
            Part(rim, Surface((edge[0], edge[1], edge[2]))),
            Part(top, Surface(texture=texture, specular=0.0)),
        ),
    )
