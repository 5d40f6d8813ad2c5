"""A pin-hole camera in the room that keeps a given point in view."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tools.rooms.furniture import Support
from tools.rooms.layout import Room
from tools.rooms.mesh import Floats
from tools.rooms.things import Rng

# Metres between the camera and the target, and degrees from the target's horizon to the camera.
DISTANCE = (0.52, 0.95)
ELEVATION_DEG = (20.0, 48.0)
FOV_DEG = (44.0, 58.0)
# The target's place in the picture, as a share of its width and height.
SHARE_X = (0.12, 0.88)
SHARE_Y = (0.30, 0.88)


@dataclass(frozen=True)
class Camera:
    """Position (3,) in metres, axes right and up (3,), vertical field of view in degrees."""

    position: Floats
    right: Floats
    up: Floats
    fov_deg: float

    def project(self, points: Floats, image_px: int) -> Floats:
        """Pixel coordinates (n, 2) as y, x of world points (n, 3) in a square picture."""
        offset = points - self.position
        depth = offset @ np.cross(self.up, self.right)
        focal = image_px / 2 / np.tan(np.radians(self.fov_deg) / 2)
        x = image_px / 2 + focal * (offset @ self.right) / depth
        y = image_px / 2 - focal * (offset @ self.up) / depth
        return np.stack([y, x], 1)


def draw_camera(rng: Rng, room: Room, target: Floats, support: Support) -> Camera | None:
    """A camera that sees the point `target` (3,) at a random place of the picture, or None."""
    for _ in range(40):
        elevation = np.radians(rng.uniform(*ELEVATION_DEG))
        heading = rng.uniform(-1.15, 1.15)
        if support.open_front:
            heading, elevation = 0.5 * heading, 0.45 * elevation
        back = np.array(
            [
                np.sin(heading) * np.cos(elevation),
                -np.cos(heading) * np.cos(elevation),
                np.sin(elevation),
            ]
        )
        position = target + rng.uniform(*DISTANCE) * back
        fov_deg = rng.uniform(*FOV_DEG)
        share = np.array([rng.uniform(*SHARE_X), rng.uniform(*SHARE_Y)])
        if _inside(room, position):
            return _aimed(position, target, fov_deg, share)
    return None


def _inside(room: Room, position: Floats) -> bool:
    """Whether a point is 15 cm off the walls and 12 cm off the furniture."""
    half = np.array([room.size.width / 2, room.size.depth / 2]) - 0.15
    if np.any(np.abs(position[:2]) > half) or not 0.4 < position[2] < room.size.height - 0.2:
        return False
    low, high = room.solids[:, 0] - 0.12, room.solids[:, 1] + 0.12
    return not bool(np.any(np.all((position > low) & (position < high), axis=1)))


def _aimed(position: Floats, target: Floats, fov_deg: float, share_xy: Floats) -> Camera:
    """Turn a level camera so that the target falls on a share of the picture's width and height."""
    ray = target - position
    reach = np.tan(np.radians(fov_deg) / 2)
    pan = np.arctan2(-ray[0], ray[1]) + np.arctan((2 * share_xy[0] - 1) * reach)
    tilt = np.arctan2(ray[2], np.hypot(ray[0], ray[1])) - np.arctan((1 - 2 * share_xy[1]) * reach)
    right = np.array([np.cos(pan), np.sin(pan), 0.0])
    ahead = np.array([-np.sin(pan) * np.cos(tilt), np.cos(pan) * np.cos(tilt), np.sin(tilt)])
    return Camera(position, right, np.cross(right, ahead), fov_deg)
