"""Tables, chairs and bookcases that face -y on z = 0, and the flat places they offer."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from tools.rooms.mesh import Floats, Mesh, box, cylinder, lathe, quad, rotation
from tools.rooms.paintings import spine
from tools.rooms.palette import FABRICS, PAINTS, WOODS, pick
from tools.rooms.textures import fabric, marble, wood
from tools.rooms.things import Part, Rng, Surface, Texture, Thing


@dataclass(frozen=True)
class Support:
    """A free horizontal rectangle that objects may stand on.

    Centre (3,), half sizes (2,) and headroom in metres; `open_front`: seen from -y only.
    """

    centre: Floats
    half_xy: tuple[float, float]
    yaw_rad: float = 0.0
    headroom: float = 1.0
    open_front: bool = False

    def moved(self, offset_xyz: Floats) -> Support:
        """The support shifted by an offset (3,) in metres."""
        return replace(self, centre=self.centre + offset_xyz)

    def turned(self, angle_rad: float) -> Support:
        """The support turned about the world's z axis."""
        centre = rotation("z", angle_rad) @ self.centre
        return replace(self, centre=centre, yaw_rad=self.yaw_rad + angle_rad)

    def point(self, local_xy: Floats) -> Floats:
        """World position (3,) of a point given in the rectangle's own axes."""
        return self.centre + rotation("z", self.yaw_rad) @ np.array([*local_xy, 0.0])


@dataclass(frozen=True, eq=False)
class Furniture:
    """Things that belong together, and the places they offer."""

    things: tuple[Thing, ...]
    supports: tuple[Support, ...] = ()

    def placed(self, offset_xyz: Floats, yaw_rad: float = 0.0) -> Furniture:
        """Turned about z, then moved to its place in the room."""
        things = tuple(thing.turned("z", yaw_rad).moved(offset_xyz) for thing in self.things)
        supports = tuple(s.turned(yaw_rad).moved(offset_xyz) for s in self.supports)
        return Furniture(things, supports)


def _wood_surface(rng: Rng) -> Surface:
    if rng.random() < 0.2:
        return Surface(pick(rng, [(0.93, 0.92, 0.89), *FABRICS]), specular=0.2, shininess=0.4)
    return Surface(texture=wood(rng, pick(rng, WOODS)), specular=0.15, shininess=0.3)


def _grained(mesh: Mesh, rng: Rng) -> Mesh:
    """The mesh with its own piece of the wood: 1.4 repeats a metre from a random start."""
    return mesh.with_uv(1.4, rng.uniform(0, 1, 2))


def table(rng: Rng, size_xyz: tuple[float, float, float], *, round_top: bool = False) -> Furniture:
    """Four-legged table, or a round one on a column; size is length, depth, height in metres."""
    length, depth, height = size_xyz
    surface = _wood_surface(rng)
    top_surface = (
        surface
        if rng.random() < 0.75
        else Surface(texture=marble(rng, (0.88, 0.86, 0.83)), specular=0.3, shininess=0.6)
    )
    thick = rng.uniform(0.025, 0.045)
    if round_top:
        radius = depth / 2
        disc = lathe(
            [(0, -thick), (radius - 0.005, -thick), (radius, -thick / 2), (radius, 0), (0, 0)], 72
        )
        top = replace(disc, uv=disc.vertices[:, :2])
        legs = [cylinder(0.05, height - thick), lathe([(0, 0), (0.27, 0), (0.25, 0.03), (0, 0.05)])]
        half = (radius * 0.68, radius * 0.68)
    else:
        top = box([length, depth, thick], 0.004).moved([0, 0, -thick / 2])
        legs = _legs(rng, length, depth, height - thick)
        half = (length / 2 - 0.03, depth / 2 - 0.03)
    parts = [Part(_grained(top, rng).moved([0, 0, height]), top_surface)]
    parts += [Part(_grained(leg, rng), surface) for leg in legs]
    return Furniture(
        (Thing("table", tuple(parts)),),
        (Support(np.array([0.0, 0.0, height]), half, headroom=0.6),),
    )


def _legs(rng: Rng, length: float, depth: float, height: float) -> list[Mesh]:
    width = rng.uniform(0.04, 0.065)
    x, y = length / 2 - 0.03 - width / 2, depth / 2 - 0.03 - width / 2
    around = rng.random() < 0.3
    leg = (
        cylinder(width / 2, height)
        if around
        else box([width, width, height], 0.004).moved([0, 0, height / 2])
    )
    legs = [leg.moved([sx * x, sy * y, 0]) for sx in (-1, 1) for sy in (-1, 1)]
    apron = 0.07
    z = height - apron / 2
    legs += [box([2 * x, 0.018, apron]).moved([0, sy * y, z]) for sy in (-1, 1)]
    legs += [box([0.018, 2 * y, apron]).moved([sx * x, 0, z]) for sx in (-1, 1)]
    return legs


def chair(rng: Rng) -> Furniture:
    """Wooden chair, its back at +y, sometimes with a cushion."""
    width, depth, seat = 0.42, 0.42, rng.uniform(0.43, 0.47)
    back = rng.uniform(0.38, 0.5)
    surface = _wood_surface(rng)
    x, y = width / 2 - 0.025, depth / 2 - 0.025
    meshes = [box([width, depth, 0.03], 0.005).moved([0, 0, seat - 0.015])]
    meshes += [
        box([0.036, 0.036, seat - 0.03]).moved([s * x, -y, (seat - 0.03) / 2]) for s in (-1, 1)
    ]
    meshes += [
        box([0.036, 0.036, seat + back]).moved([s * x, y + 0.018, (seat + back) / 2])
        for s in (-1, 1)
    ]
    num_rails = int(rng.integers(2, 4))
    if rng.random() < 0.5:
        heights = seat + back * np.linspace(0.45, 0.93, num_rails)
        meshes += [box([2 * x, 0.016, 0.05], 0.003).moved([0, y + 0.018, z]) for z in heights]
    else:
        meshes += [box([2 * x, 0.02, 0.05], 0.003).moved([0, y + 0.018, seat + back * 0.95])]
        bars = np.linspace(-0.62, 0.62, num_rails + 2) * x
        meshes += [box([0.02, 0.014, back]).moved([b, y + 0.018, seat + back / 2]) for b in bars]
    parts = [Part(_grained(mesh, rng), surface) for mesh in meshes]
    top = seat
    if rng.random() < 0.5:
        top = seat + 0.03
        cushion = box([width - 0.05, depth - 0.06, 0.03], 0.012).moved([0, -0.01, seat + 0.015])
        cloth = Surface(texture=fabric(rng, pick(rng, FABRICS)), specular=0.02)
        parts.append(Part(cushion.with_uv(1.5), cloth))
    support = Support(np.array([0.0, -0.015, top]), (0.16, 0.15), headroom=0.5)
    return Furniture((Thing("chair", tuple(parts)),), (support,))


def bookcase(rng: Rng, size_xyz: tuple[float, float, float]) -> Furniture:
    """Open bookcase with its back at +y; some compartments hold books, the others are free."""
    width, depth, height = size_xyz
    surface = _wood_surface(rng)
    board = 0.022
    num_rows = max(2, round(height / rng.uniform(0.33, 0.42)))
    levels = np.linspace(0.06, height - board / 2, num_rows + 1)
    meshes = [
        box([board, depth, height]).moved([s * (width - board) / 2, 0, height / 2]) for s in (-1, 1)
    ]
    meshes += [box([width - 2 * board, depth, board]).moved([0, 0, z]) for z in levels]
    meshes.append(
        box([width - 2 * board, 0.008, height - 0.01]).moved([0, depth / 2 - 0.005, height / 2])
    )
    things = [Thing("shelf", tuple(Part(_grained(mesh, rng), surface) for mesh in meshes))]
    supports = [Support(np.array([0.0, 0.0, height]), (width / 2 - 0.03, depth / 2 - 0.03))]
    for row in range(num_rows):
        floor, room = levels[row] + board / 2, levels[row + 1] - levels[row] - board
        books, free = _fill_row(rng, width - 2 * board, depth, floor, room)
        things += books
        supports += free
    return Furniture(tuple(things), tuple(supports))


def _fill_row(
    rng: Rng, width: float, depth: float, z: float, room: float
) -> tuple[list[Thing], list[Support]]:
    """Books over a share of one compartment, from its left or right end; the rest is free."""
    share = rng.choice([0.0, 0.45, 0.6, 0.95], p=[0.25, 0.25, 0.25, 0.25])
    sign = rng.choice([-1.0, 1.0])
    used = share * width
    books = _book_row(rng, used, depth, room)
    start = -width / 2 if sign < 0 else width / 2 - used
    things = [book.moved([start, 0, z]) for book in books]
    free = width - used
    if free < 0.2:
        return things, []
    centre = np.array([-sign * (width - free) / 2, -0.02, z])
    half = (free / 2 - 0.02, depth / 2 - 0.04)
    return things, [Support(centre, half, headroom=room, open_front=True)]


def _book_row(rng: Rng, width: float, depth: float, room: float) -> list[Thing]:
    """Upright books side by side from x = 0 to `width`, spines towards -y."""
    things: list[Thing] = []
    x = 0.0
    printed = [spine(rng) for _ in range(2)] if width > 0.05 else []
    while True:
        thick, tall = rng.uniform(0.016, 0.045), rng.uniform(0.62, 0.93) * min(room, 0.33)
        deep = rng.uniform(0.6, 0.85) * depth
        if x + thick > width:
            return things
        things.append(_upright_book(rng, thick, deep, tall, printed).moved([x, -0.06 * depth, 0]))
        x += thick + 0.0015


def _upright_book(
    rng: Rng, thick: float, deep: float, tall: float, printed: list[Texture]
) -> Thing:
    colour = pick(rng, [*PAINTS, *FABRICS])
    front = -deep / 2
    body = box([thick, deep, tall]).moved([thick / 2, 0, tall / 2])
    top = box([thick - 0.006, deep - 0.01, 0.002]).moved([thick / 2, 0.004, tall - 0.0005])
    # the texture runs up the spine
    y = front - 0.0006
    corners = [[thick, y, 0], [thick, y, tall], [0, y, tall], [0, y, 0]]
    back = quad(corners)
    texture = printed[int(rng.integers(len(printed)))]
    parts = (
        Part(body, Surface(colour, specular=0.1)),
        Part(top, Surface((0.92, 0.89, 0.82))),
        Part(back, Surface(colour, texture, specular=0.1)),
    )
    return Thing("book", parts)
