"""Where things stand: furniture on the floor, pictures on the walls, objects on the furniture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tools.rooms.classes import CLUTTER_KINDS
from tools.rooms.clutter import make_clutter
from tools.rooms.fittings import (
    desk_lamp,
    floor_lamp,
    framed,
    pendant,
    plant,
    rug_thing,
    window,
)
from tools.rooms.furniture import Furniture, Support, bookcase, chair, table
from tools.rooms.mesh import Floats
from tools.rooms.paintings import outdoors, painting
from tools.rooms.palette import FABRICS, PAINTS, pick
from tools.rooms.room import RoomSize, draw_size, shell, wall_place
from tools.rooms.textures import rug
from tools.rooms.things import Rng, Thing

# Objects on all supports together.
NUM_CLUTTER = (3, 8)
# Clear distance in metres between two objects on one support.
GAP = 0.012


@dataclass(frozen=True, eq=False)
class Room:
    """A furnished room without objects; `solids` (n, 2, 3) are boxes no camera may enter."""

    size: RoomSize
    things: tuple[Thing, ...]
    supports: tuple[Support, ...]
    solids: Floats


@dataclass(frozen=True)
class Spot:
    """A disc taken on a support, in the support's own axes."""

    support: int
    local_xy: Floats
    radius: float


def furnish(rng: Rng) -> Room:
    """A random room: table and bookcase always, the rest by chance."""
    size = draw_size(rng)
    pieces = _main_pieces(rng, size)
    _add_corner_pieces(rng, size, pieces)
    things = [*shell(rng, size), *_wall_things(rng, size, pieces)]
    solids = [_solid(piece) for piece in pieces]
    if rng.random() < 0.7:
        things.append(_rug(rng, pieces[0]))
    lamp_z = rng.uniform(1.75, 1.95)
    if rng.random() < 0.3:
        x, y, _ = _middle(pieces[0])
        things.append(pendant(rng, size.height, lamp_z).moved([x, y, 0]))
        solids.append(np.array([[x - 0.35, y - 0.35, lamp_z - 0.25], [x + 0.35, y + 0.35, 3.0]]))
    for piece in pieces:
        things += piece.things
    supports = tuple(support for piece in pieces for support in piece.supports)
    return Room(size, tuple(things), supports, np.stack(solids))


def _solid(piece: Furniture) -> Floats:
    corners = np.concatenate([thing.bounds() for thing in piece.things])
    return np.stack([corners.min(0), corners.max(0)])


def _middle(piece: Furniture) -> Floats:
    return _solid(piece).mean(0)


def _main_pieces(rng: Rng, size: RoomSize) -> list[Furniture]:
    """Table (first), bookcase against the back wall, one or two chairs at the table."""
    back = size.depth / 2
    case_size = (rng.uniform(0.8, 1.3), rng.uniform(0.27, 0.33), rng.uniform(0.8, 1.9))
    case_x = rng.uniform(-0.6, 0.6) * (size.width / 2 - 0.7)
    case = bookcase(rng, case_size).placed(np.array([case_x, back - case_size[1] / 2 - 0.016, 0]))
    round_top = rng.random() < 0.25
    depth = rng.uniform(0.85, 1.1) if round_top else rng.uniform(0.65, 0.9)
    length = depth if round_top else rng.uniform(1.05, 1.5)
    height = rng.uniform(0.68, 0.78)
    yaw = rng.uniform(-0.35, 0.35)
    centre = np.array([rng.uniform(-0.35, 0.35), back - rng.uniform(1.35, 1.9), 0])
    desk = table(rng, (length, depth, height), round_top=round_top).placed(centre, yaw)
    chairs: list[Furniture] = []
    for sign in (-1, 1):
        if rng.random() < 0.7:
            away = sign * (length / 2 + rng.uniform(0.24, 0.4))
            offset = np.array([away * np.cos(yaw), away * np.sin(yaw), 0])
            turn = yaw - sign * np.pi / 2 + rng.uniform(-0.35, 0.35)
            seat = chair(rng).placed(centre + offset, turn)
            if _stands_clear(seat, [case, *chairs], size):
                chairs.append(seat)
    return [desk, case, *chairs]


def _add_corner_pieces(rng: Rng, size: RoomSize, pieces: list[Furniture]) -> None:
    """Lamp, plant or side table, each in a back corner or by a side wall where it stands clear."""
    x, y = size.width / 2 - 0.48, size.depth / 2 - 0.48
    places = [(-x, y), (x, y), (-x, 0.1), (x, 0.1), (-x, -0.6), (x, -0.6)]
    for make in (floor_lamp, plant, _side_table):
        if rng.random() < 0.15:
            continue
        piece = make(rng)
        for place in rng.permutation(len(places)):
            placed = piece.placed(np.array([*places[place], 0.0]), rng.uniform(-0.3, 0.3))
            if _stands_clear(placed, pieces, size):
                pieces.append(placed)
                break


def _stands_clear(piece: Furniture, others: list[Furniture], size: RoomSize) -> bool:
    """Whether a piece's upright box is inside the room and 3 cm off those of the others."""
    low, high = _solid(piece)[:, :2]
    if np.any(np.abs([low, high]) > np.array([size.width, size.depth]) / 2 - 0.02):
        return False
    boxes = [_solid(other)[:, :2] for other in others]
    return all(np.any((low > box[1] + 0.03) | (high < box[0] - 0.03)) for box in boxes)


def _side_table(rng: Rng) -> Furniture:
    side = rng.uniform(0.42, 0.5)
    return table(rng, (side, side, rng.uniform(0.45, 0.6)), round_top=rng.random() < 0.4)


def _rug(rng: Rng, desk: Furniture) -> Thing:
    palette = [pick(rng, FABRICS) for _ in range(3)]
    thing = rug_thing(rug(rng, palette), rng.uniform(1.9, 2.4), rng.uniform(1.3, 1.8))
    x, y, _ = _middle(desk)
    return thing.turned("z", rng.uniform(-0.2, 0.2)).moved([x, y - 0.2, 0.0])


def _wall_things(rng: Rng, size: RoomSize, pieces: list[Furniture]) -> list[Thing]:
    """A window on one wall, pictures on all three, none behind furniture or over another."""
    sides = ["back", "left", "right"]
    taken: list[tuple[str, Floats]] = [("back", _solid(pieces[1]))]
    things = []
    wanted = [("window", sides[int(rng.integers(3))])]
    wanted += [("picture", sides[int(rng.integers(3))]) for _ in range(int(rng.integers(3, 8)))]
    for kind, side in wanted:
        flat = _window(rng) if kind == "window" else _picture(rng)
        for _ in range(8):
            z = 1.45 if kind == "window" else rng.uniform(1.25, 1.75)
            position, yaw = wall_place(size, side, rng.uniform(-0.8, 0.8), z)
            thing = flat.turned("z", yaw).moved(position)
            if _free(thing.bounds(), side, taken, size):
                taken.append((side, thing.bounds()))
                things.append(thing)
                break
    return things


def _free(bounds: Floats, side: str, taken: list[tuple[str, Floats]], size: RoomSize) -> bool:
    """Whether a box on a wall keeps 8 cm from the others, the room's corners and the ceiling."""
    along = 0 if side == "back" else 1
    limit = (size.width if side == "back" else size.depth) / 2 - 0.08
    if np.abs(bounds[:, along]).max() > limit or bounds[1, 2] > size.height - 0.1:
        return False
    for _, other in [item for item in taken if item[0] == side]:
        apart = [
            bounds[0, k] > other[1, k] + 0.08 or other[0, k] > bounds[1, k] + 0.08
            for k in (along, 2)
        ]
        if not any(apart):
            return False
    return True


def _picture(rng: Rng) -> Thing:
    palette = [pick(rng, [*PAINTS, *FABRICS]) for _ in range(3)]
    width, ratio = rng.uniform(0.28, 0.65), rng.choice([0.75, 1.0, 1.33])
    return framed(rng, painting(rng, palette), width, width * ratio)


def _window(rng: Rng) -> Thing:
    return window(rng, outdoors(rng), rng.uniform(0.8, 1.2), rng.uniform(0.9, 1.15))


def fits(room: Room, support: int, local_xy: Floats, radius: float, taken: list[Spot]) -> bool:
    """Whether a disc lies within the support and clear of the discs already there."""
    half = np.asarray(room.supports[support].half_xy)
    if np.any(np.abs(local_xy) + radius > half):
        return False
    return all(
        np.hypot(*(local_xy - spot.local_xy)) > radius + spot.radius + GAP
        for spot in taken
        if spot.support == support
    )


def find_spot(rng: Rng, room: Room, thing: Thing, support: int, taken: list[Spot]) -> Spot | None:
    """A free place for the thing on a support, or None after 20 tries."""
    place = room.supports[support]
    radius = thing.footprint_radius()
    room_xy = np.asarray(place.half_xy) - radius
    if np.any(room_xy < 0) or thing.bounds()[1, 2] > place.headroom - 0.02:
        return None
    for _ in range(20):
        local_xy = rng.uniform(-room_xy, room_xy)
        if fits(room, support, local_xy, radius, taken):
            return Spot(support, local_xy, radius)
    return None


def put(room: Room, thing: Thing, spot: Spot) -> Thing:
    """The thing, moved to its spot."""
    return thing.moved(room.supports[spot.support].point(spot.local_xy))


def scatter(rng: Rng, room: Room, taken: list[Spot]) -> list[Thing]:
    """Distractors on the supports, larger ones on larger supports; `taken` grows."""
    area = np.array([4 * s.half_xy[0] * s.half_xy[1] for s in room.supports])
    area[0] *= 1.5
    things = []
    for index in range(int(rng.integers(NUM_CLUTTER[0], NUM_CLUTTER[1] + 1))):
        kind = CLUTTER_KINDS[int(rng.integers(len(CLUTTER_KINDS)))]
        thing = desk_lamp(rng) if index == 0 and rng.random() < 0.3 else make_clutter(kind, rng)
        support = int(rng.choice(len(area), p=area / area.sum()))
        spot = find_spot(rng, room, thing, support, taken)
        if spot is not None:
            taken.append(spot)
            things.append(put(room, thing, spot))
    return things
