"""Distractors: everyday objects, none of a target's kind, each made to stand on z = 0."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from tools.rooms.mesh import box, cylinder, lathe, merge, plate, quad, sphere, tube
from tools.rooms.paintings import cover, label
from tools.rooms.palette import FABRICS, PAINTS, WOODS, finish, pick
from tools.rooms.textures import coordinates, marble, mix, to_texture, wood
from tools.rooms.things import Part, Rng, Surface, Thing


def make_clutter(kind: str, rng: Rng) -> Thing:
    """A distractor of `kind` with a random look, size and heading."""
    return _MAKERS[kind](rng).turned("z", rng.uniform(0, 2 * np.pi)).settled()


def _ball(rng: Rng) -> Thing:
    x, y = coordinates(128)
    first, second = np.asarray(pick(rng, PAINTS)), np.asarray(pick(rng, PAINTS))
    stripes = ((y * 1 % 1) > 0.4) & ((y * 1 % 1) < 0.6) if rng.random() < 0.5 else (x * 6 % 1) < 0.5
    texture = to_texture(mix(first, second, stripes.astype(np.float64)))
    radius = rng.uniform(0.025, 0.055)
    mesh = sphere(radius)
    mesh = replace(mesh, uv=mesh.uv * [1.0, 1 / (np.pi * radius)])
    thing = Thing("ball", (Part(mesh, Surface(texture=texture, specular=0.3, shininess=0.5)),))
    return thing.turned("x", rng.uniform(0, np.pi))


def _block(rng: Rng) -> Thing:
    """Toy bricks: cube, bar, cylinder, arch-less prism."""
    side = rng.uniform(0.035, 0.055)
    shape = int(rng.integers(4))
    if shape == 0:
        mesh = box([side, side, side], 0.003)
    elif shape == 1:
        mesh = box([2 * side, side, 0.7 * side], 0.003)
    elif shape == 2:
        mesh = cylinder(0.5 * side, 1.2 * side)
    else:
        mesh = lathe([(0, 0), (0.6 * side, 0), (0, 1.3 * side)])
    return Thing("block", (Part(mesh, finish(rng)),))


def _book(rng: Rng) -> Thing:
    """One to three books lying on each other."""
    parts: list[Part] = []
    z = 0.0
    for index in range(int(rng.integers(1, 4))):
        width, depth = rng.uniform(0.12, 0.16), rng.uniform(0.17, 0.22)
        thick = rng.uniform(0.015, 0.035)
        turn = rng.uniform(-0.25, 0.25) if index else 0.0
        book = lying_book(rng, width, depth, thick).turned("z", turn).moved([0, 0, z])
        parts += book.parts
        z += thick
    return Thing("book", tuple(parts))


def lying_book(rng: Rng, width: float, depth: float, thick: float) -> Thing:
    """Cover boards, pages set back on three sides, a printed front; sizes in metres."""
    colour, accent = pick(rng, PAINTS), pick(rng, PAINTS)
    board = Surface(colour, specular=0.15)
    boards = [box([width, depth, 0.003]).moved([0, 0, z]) for z in (0.0015, thick - 0.0015)]
    boards.append(box([0.004, depth, thick]).moved([-width / 2 + 0.002, 0, thick / 2]))
    pages = box([width - 0.010, depth - 0.012, thick - 0.006]).moved([-0.001, 0, thick / 2])
    x, y, z = width / 2, depth / 2, thick + 0.0004
    front = quad([[-x, -y, z], [x, -y, z], [x, y, z], [-x, y, z]])
    printed = Surface(texture=cover(rng, colour, accent), specular=0.15)
    paper = Surface((0.93, 0.90, 0.83))
    return Thing("book", (Part(merge(boards), board), Part(pages, paper), Part(front, printed)))


def _bottle(rng: Rng) -> Thing:
    radius, height = rng.uniform(0.028, 0.042), rng.uniform(0.16, 0.26)
    neck = radius * rng.uniform(0.3, 0.42)
    shoulder = height * rng.uniform(0.5, 0.66)
    ease = np.linspace(0, 1, 8)
    curve = [
        (neck + (radius - neck) * (0.5 + 0.5 * np.cos(np.pi * t)), shoulder + 0.2 * height * t)
        for t in ease
    ]
    body = lathe([(0, 0), (radius * 0.95, 0), (radius, 0.006), *curve, (neck, height), (0, height)])
    cap = cylinder(neck * 1.25, height * 0.1).moved([0, 0, height * 0.93])
    glass = Surface(pick(rng, PAINTS), specular=0.7, shininess=0.8)
    band = lathe([(radius * 1.004, 0.25 * shoulder), (radius * 1.004, 0.8 * shoulder)])
    paper = Surface(pick(rng, [(0.93, 0.91, 0.86), *PAINTS]))
    return Thing("bottle", (Part(body, glass), Part(cap, finish(rng)), Part(band, paper)))


def _bowl(rng: Rng) -> Thing:
    """A bowl or a plate."""
    radius = rng.uniform(0.07, 0.12)
    height = radius * (rng.uniform(0.14, 0.2) if rng.random() < 0.4 else rng.uniform(0.4, 0.65))
    t = np.linspace(0, 1, 8)
    outside = [(radius * (0.45 + 0.55 * np.sin(a * np.pi / 2)), height * a**1.4) for a in t]
    inside = [(r - 0.004, max(z, 0.005)) for r, z in reversed(outside)]
    mesh = lathe([(0, 0), *outside, *inside, (0, 0.005)], 56)
    rgb = pick(rng, [(0.93, 0.91, 0.86), *FABRICS])
    return Thing("bowl", (Part(mesh, Surface(rgb, specular=0.4, shininess=0.6)),))


def _candle(rng: Rng) -> Thing:
    radius, height = rng.uniform(0.018, 0.032), rng.uniform(0.05, 0.13)
    wax = lathe(
        [
            (0, 0.006),
            (radius, 0.006),
            (radius, height),
            (radius * 0.85, height + 0.002),
            (0, height - 0.003),
        ]
    )
    wick = tube(
        [[0, 0, height - 0.004], [0.001, 0, height + 0.006], [0.004, 0, height + 0.011]], 0.0014
    )
    dish = lathe(
        [(0, 0), (radius * 1.5, 0), (radius * 1.8, 0.007), (radius * 1.7, 0.007), (0, 0.006)]
    )
    parts = (
        Part(wax, Surface(pick(rng, [(0.95, 0.92, 0.85), *PAINTS]), specular=0.2)),
        Part(wick, Surface((0.12, 0.11, 0.10))),
        Part(dish, finish(rng)),
    )
    return Thing("candle", parts)


def _carton(rng: Rng) -> Thing:
    width, depth, height = rng.uniform(0.07, 0.16), rng.uniform(0.04, 0.1), rng.uniform(0.08, 0.22)
    colour, accent = pick(rng, PAINTS), pick(rng, PAINTS)
    x, y = width / 2, depth / 2 + 0.0006
    front = [[-x, -y, 0], [x, -y, 0], [x, -y, height], [-x, -y, height]]
    back = [[x, y, 0], [-x, y, 0], [-x, y, height], [x, y, height]]
    printed = Surface(texture=label(rng, colour, accent), specular=0.15)
    parts = (
        Part(box([width, depth, height]).moved([0, 0, height / 2]), Surface(colour, specular=0.15)),
        Part(merge([quad(front), quad(back)]), printed),
    )
    return Thing("carton", parts)


def _fruit(rng: Rng) -> Thing:
    """Apple, orange or pear with a stalk."""
    radius = rng.uniform(0.030, 0.042)
    pear = rng.random() < 0.35
    profile = []
    for a in np.linspace(-np.pi / 2, np.pi / 2, 17):
        dent = 0.16 * np.exp(-(((a - np.pi / 2) / 0.5) ** 2))
        top = 1.45 if pear and a > 0 else 1.0
        slim = 1 - 0.38 * np.clip(a, 0, 1) if pear else 1.0
        profile.append((radius * max(np.cos(a), 0.0) * slim, radius * (top * np.sin(a) - dent)))
    profile[0], profile[-1] = (0.0, profile[0][1]), (0.0, profile[-1][1])
    top_z = profile[-1][1]
    stalk = tube(
        [[0, 0, top_z - 0.004], [0.002, 0, top_z + 0.006], [0.005, 0, top_z + 0.014]], 0.0016
    )
    skins = [(0.75, 0.16, 0.14), (0.55, 0.66, 0.20), (0.93, 0.55, 0.13), (0.85, 0.72, 0.25)]
    skin = Surface(pick(rng, skins), specular=0.3, shininess=0.4)
    return Thing("fruit", (Part(lathe(profile), skin), Part(stalk, Surface((0.3, 0.2, 0.12)))))


def _pencil(rng: Rng) -> Thing:
    """Two to four pencils side by side, or in a plain cup without a handle."""
    return _pencil_cup(rng) if rng.random() < 0.4 else _loose_pencils(rng)


def _one_pencil(rng: Rng, length: float) -> tuple[Part, ...]:
    """Upright pencil of hexagonal section, tip up; length in metres."""
    radius = 0.0042
    side = radius * 0.87
    bar = plate(lambda a: side / np.cos((a + np.pi / 6) % (np.pi / 3) - np.pi / 6), 0.0, length)
    cone = lathe([(radius, length), (0.0012, length + 0.016)], 12)
    lead = lathe([(0.0012, length + 0.016), (0, length + 0.021)], 12)
    paint = Surface(pick(rng, PAINTS), specular=0.3, shininess=0.5)
    return (
        Part(bar, paint),
        Part(cone, Surface((0.86, 0.70, 0.50))),
        Part(lead, Surface(paint.rgb if rng.random() < 0.5 else (0.2, 0.2, 0.2))),
    )


def _loose_pencils(rng: Rng) -> Thing:
    parts: list[Part] = []
    for index in range(int(rng.integers(2, 5))):
        one = Thing("pencil", _one_pencil(rng, rng.uniform(0.10, 0.17))).turned("x", np.pi / 2)
        one = one.turned("z", rng.uniform(-0.05, 0.05))
        parts += one.moved([0.016 * index, rng.uniform(-0.01, 0.01), 0.0037]).parts
    return Thing("pencil", tuple(parts))


def _pencil_cup(rng: Rng) -> Thing:
    radius, height = 0.034, rng.uniform(0.08, 0.1)
    inner = radius - 0.003
    cup = lathe(
        [(0, 0), (radius, 0), (radius, height), (inner, height), (inner, 0.005), (0, 0.005)]
    )
    parts = [Part(cup, finish(rng))]
    for index in range(int(rng.integers(3, 6))):
        heading = index * 1.3 + rng.uniform(-0.2, 0.2)
        length = rng.uniform(0.11, 0.16)
        # foot inside the cup, shaft against its rim
        lean = np.arctan2(1.5 * inner - 0.008, height) * 0.8
        one = Thing("pencil", _one_pencil(rng, length)).turned("x", lean)
        parts += one.moved([0, 0.6 * inner, 0.009]).turned("z", heading).parts
    return Thing("pencil", tuple(parts))


def _vase(rng: Rng) -> Thing:
    height, radius = rng.uniform(0.12, 0.24), rng.uniform(0.04, 0.06)
    belly, neck = rng.uniform(0.3, 0.55), rng.uniform(0.4, 0.75)
    t = np.linspace(0, 1, 16)
    shape = (
        0.6
        + 0.4 * np.exp(-(((t - belly) / 0.28) ** 2))
        - (1 - neck) * 0.6 * np.clip((t - belly) / (1 - belly), 0, 1)
    )
    outside = [(radius * s, height * a) for s, a in zip(shape, t, strict=True)]
    rim = outside[-1][0] - 0.004
    mesh = lathe([(0, 0), *outside, (rim, height), (rim, 0.7 * height), (0, 0.7 * height)])
    looks = (
        Surface(pick(rng, FABRICS), specular=0.45, shininess=0.6),
        Surface(texture=marble(rng, (0.92, 0.90, 0.86)), specular=0.4, shininess=0.6),
        Surface(texture=wood(rng, pick(rng, WOODS)), specular=0.15),
    )
    return Thing("vase", (Part(mesh.with_uv(2.0), looks[int(rng.integers(3))]),))


_MAKERS: dict[str, Callable[[Rng], Thing]] = {
    "ball": _ball,
    "block": _block,
    "book": _book,
    "bottle": _bottle,
    "bowl": _bowl,
    "candle": _candle,
    "carton": _carton,
    "fruit": _fruit,
    "pencil": _pencil,
    "vase": _vase,
}
