"""One finished sample: draw a scene, render it, and take it only if the target can be seen well."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tools.rooms.camera import Camera, draw_camera
from tools.rooms.classes import TARGET_KINDS
from tools.rooms.layout import Room, Spot, find_spot, furnish, put, scatter
from tools.rooms.lights import Lighting, draw_lighting, exposed
from tools.rooms.render import Compiled, Painter, compile_scene, painter
from tools.rooms.targets import make_target
from tools.rooms.things import Rng, Thing

IMAGE_PX = 448
# A target is taken if its box is this many pixels long at its longer side, this much of it is
# visible, each of its parts has this share of its visible pixels, and this many pixels are left to
# the edge of the picture.
TARGET_LONG_PX = (44, 120)
MIN_VISIBLE = 0.7
MIN_PART = 0.06
MARGIN_PX = 6
# Nothing is nearer to the camera than this.
NEAREST_M = 0.22
MAX_ATTEMPTS = 60


@dataclass(frozen=True, eq=False)
class Sample:
    """Image (h, w, 3) uint8, depth (h, w) metres, semantic (h, w) class ids, and target facts."""

    image: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    semantic: NDArray[np.uint8]
    label: int
    target_box_yxyx_px: tuple[int, int, int, int]
    target_area_px: int
    target_visible_fraction: float
    fov_deg: float


@dataclass(frozen=True)
class Seen:
    """Visible part of the target: box (half-open), pixels, share of its unoccluded pixels."""

    box_yxyx_px: tuple[int, int, int, int]
    area_px: int
    fraction: float


@dataclass(frozen=True, eq=False)
class Scene:
    """A compiled scene with an accepted view."""

    compiled: Compiled
    camera: Camera
    lighting: Lighting
    seen: Seen


def draw_scene(seed: int, split: int, index: int, label: int) -> Scene:
    """Scene `index` of a split. The room never depends on the label; only the target does."""
    room_rng = np.random.default_rng([seed, split, index, 0])
    room = furnish(room_rng)
    lighting = draw_lighting(room_rng)
    for attempt in range(MAX_ATTEMPTS):
        rng = np.random.default_rng([seed, split, index, 1, attempt])
        drawn = _draw_objects(rng, room, TARGET_KINDS[label])
        if drawn is None:
            continue
        clutter, target, camera = drawn
        compiled = compile_scene([*room.things, *clutter], target, camera, IMAGE_PX)
        with painter(compiled) as view:
            seen = _look(view)
        if seen is not None:
            return Scene(compiled, camera, lighting, seen)
    raise RuntimeError(
        f"sample {index} of split {split} found no good view in {MAX_ATTEMPTS} attempts. "
        "Change the seed or the limits in sample.py."
    )


def draw_sample(seed: int, split: int, index: int, label: int) -> Sample:
    """Draw and render sample `index` of a split."""
    scene = draw_scene(seed, split, index, label)
    with painter(scene.compiled) as view:
        colour = exposed(view.colour(scene.lighting), scene.lighting)
        ids, depth_m = view.geom_ids(), view.depth_m()
    classes = np.where(ids >= 0, scene.compiled.class_of_geom[np.maximum(ids, 0)], 0)
    return Sample(
        image=np.round(colour * 255).astype(np.uint8),
        depth_m=depth_m,
        semantic=classes.astype(np.uint8),
        label=label,
        target_box_yxyx_px=scene.seen.box_yxyx_px,
        target_area_px=scene.seen.area_px,
        target_visible_fraction=scene.seen.fraction,
        fov_deg=scene.camera.fov_deg,
    )


def _draw_objects(rng: Rng, room: Room, kind: str) -> tuple[list[Thing], Thing, Camera] | None:
    """Target first, so that clutter never decides where it stands; then clutter around it."""
    place_rng, look_rng = rng.spawn(2)
    target = make_target(kind, look_rng)
    support = _draw_support(place_rng, room)
    taken: list[Spot] = []
    spot = find_spot(place_rng, room, target, support, taken)
    if spot is None:
        return None
    taken.append(spot)
    target = put(room, target, spot)
    camera = draw_camera(place_rng, room, target.bounds().mean(0), room.supports[support])
    if camera is None:
        return None
    return scatter(place_rng, room, taken), target, camera


def _draw_support(rng: Rng, room: Room) -> int:
    """The table half of the time, else any other support that is neither too low nor too high."""
    others = [
        index
        for index, support in enumerate(room.supports)
        if index > 0 and 0.3 < support.centre[2] < 1.5
    ]
    return 0 if rng.random() < 0.5 or not others else int(others[int(rng.integers(len(others)))])


def _look(view: Painter) -> Seen | None:
    """What is visible of the target, or None if the view breaks one of the limits above."""
    alone, parts = view.target_parts(alone=True) >= 0, view.target_parts()
    visible = parts >= 0
    area = int(visible.sum())
    if area == 0 or area < MIN_VISIBLE * alone.sum() or view.depth_m().min() < NEAREST_M:
        return None
    if any((parts == part).sum() < MIN_PART * area for part in range(view.num_target_parts)):
        return None
    top, left, bottom, right = _box(alone)
    edge = min(top, left, IMAGE_PX - bottom, IMAGE_PX - right)
    box = _box(visible)
    longer = max(box[2] - box[0], box[3] - box[1])
    if edge < MARGIN_PX or not TARGET_LONG_PX[0] <= longer <= TARGET_LONG_PX[1]:
        return None
    return Seen(box, area, float(area / alone.sum()))


def _box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Smallest half-open box (top, left, bottom, right) around the true pixels."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
