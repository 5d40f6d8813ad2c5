"""The empty room: floor, walls, ceiling, skirting. Origin at the middle of the floor."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from tools.rooms.mesh import Floats, Mesh, box, merge, quad
from tools.rooms.palette import FABRICS, WALLS, WOODS, pick
from tools.rooms.textures import bricks, carpet, planks, plaster, shade, tiles, wallpaper
from tools.rooms.things import Part, Rng, Surface, Texture, Thing


@dataclass(frozen=True)
class RoomSize:
    """Extents in metres along x, y and z."""

    width: float
    depth: float
    height: float


def draw_size(rng: Rng) -> RoomSize:
    """A random size of an ordinary living room."""
    return RoomSize(rng.uniform(3.6, 5.2), rng.uniform(3.6, 5.0), rng.uniform(2.4, 2.9))


def shell(rng: Rng, size: RoomSize) -> list[Thing]:
    """Surfaces seen from inside only, so the camera never meets their backs."""
    x, y, z = size.width / 2, size.depth / 2, size.height
    ceiling_rgb = pick(rng, [(0.93, 0.93, 0.91), (0.91, 0.90, 0.86)])
    floor = quad([[-x, -y, 0], [x, -y, 0], [x, y, 0], [-x, y, 0]], (2 * x, 2 * y))
    ceiling = quad([[-x, y, z], [x, y, z], [x, -y, z], [-x, -y, z]], (2 * x, 2 * y))
    texture, repeats = _floor_texture(rng)
    return [
        _shell(
            "floor", _overlapping(floor.with_uv(repeats)), Surface(texture=texture, specular=0.12)
        ),
        _shell(
            "ceiling",
            _overlapping(ceiling),
            Surface(texture=plaster(rng, ceiling_rgb), specular=0.0),
        ),
        *_walls(rng, size),
    ]


def _overlapping(plane: Mesh) -> Mesh:
    """The plane 1 cm larger on each side, so that no ray slips through a seam of the room."""
    outward = np.sign(plane.vertices - plane.vertices.mean(0))
    return replace(plane, vertices=plane.vertices + 0.01 * outward)


def _shell(kind: str, mesh: Mesh, surface: Surface) -> Thing:
    return Thing(kind, (Part(mesh, surface),), is_shell=True)


def _floor_texture(rng: Rng) -> tuple[Texture, float]:
    """A floor and its repeats a metre."""
    style = rng.choice(["planks", "tiles", "carpet"], p=[0.6, 0.2, 0.2])
    if style == "planks":
        return planks(rng, pick(rng, WOODS)), rng.uniform(0.7, 1.0)
    if style == "tiles":
        first = pick(rng, [(0.86, 0.83, 0.78), (0.72, 0.70, 0.67), (0.78, 0.60, 0.48)])
        other = first if rng.random() < 0.6 else shade(first, rng.uniform(0.62, 0.85))
        return tiles(rng, first, other), rng.uniform(0.6, 1.1)
    return carpet(rng, pick(rng, FABRICS)), 0.8


def _wall_texture(rng: Rng, rgb: tuple[float, float, float]) -> Texture:
    style = rng.choice(["plaster", "wallpaper", "bricks"], p=[0.55, 0.33, 0.12])
    if style == "plaster":
        return plaster(rng, rgb)
    if style == "wallpaper":
        return wallpaper(rng, rgb, shade(rgb, rng.uniform(0.86, 0.95)))
    return bricks(rng, rgb)


def _walls(rng: Rng, size: RoomSize) -> list[Thing]:
    """Three walls alike, the one at +y sometimes different; white or wooden skirting."""
    rgb = pick(rng, WALLS)
    common = Surface(texture=plaster(rng, rgb), specular=0.0)
    accent = common
    if rng.random() < 0.7:
        accent = Surface(
            texture=_wall_texture(rng, rgb if rng.random() < 0.5 else pick(rng, WALLS)),
            specular=0.0,
        )
    x, y, z = size.width / 2, size.depth / 2, size.height
    corners = [(-x, y), (x, y), (x, -y), (-x, -y)]
    walls = []
    for index, (start, end) in enumerate(zip(corners, corners[1:] + corners[:1], strict=True)):
        length = float(np.hypot(end[0] - start[0], end[1] - start[1]))
        mesh = quad([[*start, 0], [*end, 0], [*end, z], [*start, z]], (length, z))
        plane = _overlapping(mesh.with_uv(0.7))
        walls.append(_shell("wall", plane, accent if index == 0 else common))
    paint = Surface(pick(rng, [(0.93, 0.92, 0.90), *WOODS]), specular=0.15)
    return [*walls, _shell("wall", _skirting(x, y), paint)]


def _skirting(x: float, y: float) -> Mesh:
    high, deep = 0.08, 0.014
    return merge(
        [box([2 * x, deep, high]).moved([0, s * (y - deep / 2), high / 2]) for s in (-1, 1)]
        + [box([deep, 2 * y, high]).moved([s * (x - deep / 2), 0, high / 2]) for s in (-1, 1)]
    )


def wall_place(size: RoomSize, side: str, along: float, z: float) -> tuple[Floats, float]:
    """Position (3,) and heading in radians of what hangs on the "back", "left" or "right" wall.

    `along` runs from -1 to 1 over the wall.
    """
    x, y = size.width / 2, size.depth / 2
    if side == "back":
        return np.array([along * x, y, z]), 0.0
    sign = -1.0 if side == "left" else 1.0
    return np.array([sign * x, along * y, z]), -sign * np.pi / 2
