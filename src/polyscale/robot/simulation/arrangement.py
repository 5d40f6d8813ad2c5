"""The random layout and look of the objects in one episode, independent of the simulator."""

import colorsys
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64
from numpy.typing import NDArray

from polyscale.robot.simulation.settings import SceneSettings

MIDDLE_XY_M = (1.34, 0.75)
"""The point of the table below the gripper when an episode begins: x and y in metres."""

TABLE_X_M = (1.09, 1.51)
TABLE_Y_M = (0.44, 1.06)
"""Ranges of the distractors' x and y: on the table, and away from its edges."""

FREE_M = 0.10
"""Least distance between a distractor and the cube, so that the open gripper fits between them."""

APART_M = 0.07
"""Least distance between two distractors."""

CUBE_RGB = (0.80, 0.08, 0.06)

HUES = (0.07, 0.93)
SATURATIONS = (0.1, 0.5)
VALUES = (0.25, 0.6)
"""Ranges of the distractors' colours (HSV, 0 to 1): not red, and paler and darker than the cube."""

Rng = np.random.Generator
Colour = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Arrangement:
    """What differs from episode to episode. Positions are x and y in the scene, in metres.

    Attributes:
        cube_xy_m: position of the cube.
        distractors_xy_m: positions of the other objects.
        distractors_yaw: their rotations about the vertical axis, in radians, 0 to π.
        distractors_rgb: their colours, 0 to 1.
        surfaces: indices of the surfaces of the table and of the floor.
        surfaces_rgb: factors from 0 to 1 that their colours are multiplied by.
        light_rgb: colour and brightness of the light, 0 to 1.
        light_direction: the direction in which the light shines, not normalised.
    """

    cube_xy_m: Float[np.ndarray, " 2"]
    distractors_xy_m: Float[np.ndarray, "num 2"]
    distractors_yaw: Float[np.ndarray, " num"]
    distractors_rgb: Float[np.ndarray, "num 3"]
    surfaces: Int64[np.ndarray, " 2"]
    surfaces_rgb: Float[np.ndarray, "2 3"]
    light_rgb: Float[np.ndarray, " 3"]
    light_direction: Float[np.ndarray, " 3"]


def arrange(settings: SceneSettings, seed: int) -> Arrangement:
    """Draw the arrangement that belongs to a seed."""
    rng = np.random.default_rng(seed)
    reach = settings.cube_range_m
    cube = MIDDLE_XY_M + rng.uniform(-reach, reach, 2)
    num = settings.num_distractors
    return Arrangement(
        cube_xy_m=cube,
        distractors_xy_m=_spread(rng, cube, num),
        distractors_yaw=rng.uniform(0, np.pi, num),
        distractors_rgb=np.array([_other_colour(rng) for _ in range(num)]).reshape(num, 3),
        surfaces=rng.integers(settings.num_surfaces, size=2),
        surfaces_rgb=1 - rng.uniform(0, settings.tint, (2, 3)),
        light_rgb=rng.uniform(*settings.light_range) * (1 - rng.uniform(0, settings.tint, 3)),
        light_direction=np.array([*rng.uniform(-0.6, 0.6, 2), -1.0]),
    )


def _spread(rng: Rng, cube: NDArray[np.float64], num: int) -> NDArray[np.float64]:
    """Places that are far enough from the cube and from each other."""
    places: list[NDArray[np.float64]] = []
    while len(places) < num:
        place = np.array([rng.uniform(*TABLE_X_M), rng.uniform(*TABLE_Y_M)])
        apart = all(np.hypot(*(place - other)) >= APART_M for other in places)
        if apart and np.hypot(*(place - cube)) >= FREE_M:
            places.append(place)
    return np.array(places).reshape(num, 2)


def _other_colour(rng: Rng) -> Colour:
    return colorsys.hsv_to_rgb(*(rng.uniform(*each) for each in (HUES, SATURATIONS, VALUES)))
