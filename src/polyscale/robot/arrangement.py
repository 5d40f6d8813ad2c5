"""Where things lie in one episode and how they look, drawn at random; knows no simulator."""

import colorsys
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64
from numpy.typing import NDArray

from polyscale.robot.settings import SceneSettings

MIDDLE_XY_M = (1.34, 0.75)
"""Below the gripper at the beginning."""

TABLE_X_M = (1.09, 1.51)
TABLE_Y_M = (0.44, 1.06)
"""Where distractors may lie: on the table, and not on its edge."""

FREE_M = 0.10
"""Distance of a distractor from the cube, so that the open gripper fits between them."""

APART_M = 0.07
"""Distance of two distractors."""

CUBE_RGB = (0.80, 0.08, 0.06)

HUES = (0.07, 0.93)
SATURATIONS = (0.1, 0.5)
VALUES = (0.25, 0.6)
"""Of distractors: all but red, and paler and darker than the cube."""

Rng = np.random.Generator
Colour = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Arrangement:
    """What is special about an episode.

    Attributes:
        cube_xy_m: where the cube lies.
        distractors_xy_m: where the other objects lie.
        distractors_yaw: how they are turned about the vertical, in radians.
        distractors_rgb: their colours, 0 to 1.
        surfaces: index of the surface of the table, and of that of the floor.
        surfaces_rgb: what their colours are multiplied by.
        light_rgb: colour and brightness of the light.
        light_direction: where the light goes.
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
    """The arrangement of a seed."""
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
