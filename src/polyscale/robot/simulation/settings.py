"""Settings of a scene, and the limits within which it varies; independent of the simulator."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, cast

from polyscale.checks import check_integers, check_number
from polyscale.errors import InputError, check_options

MAX_DISTRACTORS = 12
"""More would not fit on the table."""

MAX_SURFACES = 24
"""Each is a texture of 256 × 256 pixels, and all are made before the first episode."""

MAX_RANGE_M = 0.15
"""Beyond this, the gripper could not reach the cube, or the cube would not be on the table."""

MAX_HORIZON = 10_000


@dataclass(frozen=True, kw_only=True)
class SceneSettings:
    """A table with a red cube and other objects, in front of a robot with a gripper.

    Attributes:
        camera_distance_m: distance from the camera to `camera_lookat_m`. The larger it is, the
            fewer pixels show the cube.
        camera_azimuth_deg: at 180, the camera looks at the robot from the front.
        camera_elevation_deg: below 0, the camera looks down.
        camera_lookat_m: the point in the middle of the picture: x, y, z in the scene.
        num_distractors: number of objects on the table besides the cube.
        num_surfaces: number of surfaces, such as wood or cloth, that table and floor may have.
        cube_range_m: largest distance of the cube from the middle of the table, along x and y.
        light_range: lowest and highest brightness of the light that varies; 1 is full. A constant
            light at the camera adds to it.
        tint: how far the colours of light, table and floor may be from white, 0 to 1. By default,
            table and floor are lit so brightly that it hardly shows on them.
        horizon: number of actions, 25 per second, within which an episode must succeed.
        lift_m: how far the cube must be lifted.

    docs/guides/robot.md, "How the difficulty was set", explains the defaults.
    """

    camera_distance_m: float = 1.2
    camera_azimuth_deg: float = 180.0
    camera_elevation_deg: float = -40.0
    camera_lookat_m: tuple[float, float, float] = (1.30, 0.75, 0.45)
    num_distractors: int = 1
    num_surfaces: int = 1
    cube_range_m: float = 0.15
    light_range: tuple[float, float] = (0.6, 1.0)
    tint: float = 0.15
    horizon: int = 50
    lift_m: float = 0.10

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "SceneSettings":
        """Settings from what `to_json` gave.

        Raises:
            InputError: if there is no setting of a name, or a value breaks its rule.
        """
        check_options(values, [field.name for field in fields(cls)], of="the scene")
        tuples = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        return cls(**cast("Any", tuples))

    def __post_init__(self) -> None:
        for name in ("camera_distance_m", "lift_m"):
            _check(name, getattr(self, name), 0.01, 10)
        _check("camera_azimuth_deg", self.camera_azimuth_deg, -360, 360)
        _check("camera_elevation_deg", self.camera_elevation_deg, -90, -1)
        _check("cube_range_m", self.cube_range_m, 0, MAX_RANGE_M)
        _check("tint", self.tint, 0, 1)
        _check_all("camera_lookat_m", self.camera_lookat_m, 3, -10, 10)
        _check_all("light_range", self.light_range, 2, 0, 1)
        if self.light_range[0] > self.light_range[1]:
            raise InputError(
                "light_range must be the lowest and the highest brightness, but got "
                f"{self.light_range}. Swap them."
            )
        check_integers(self, "num_distractors", least=0, most=MAX_DISTRACTORS)
        check_integers(self, "num_surfaces", most=MAX_SURFACES)
        check_integers(self, "horizon", most=MAX_HORIZON)

    def to_json(self) -> dict[str, Any]:
        """All settings, as numbers and lists."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }


def _check(name: str, value: object, least: float, most: float) -> None:
    rule = f"from {least:g} to {most:g}"
    check_number(name, value, rule, lambda number: least <= number <= most)


def _check_all(name: str, values: object, num: int, least: float, most: float) -> None:
    if not isinstance(values, tuple) or len(values) != num:
        raise InputError(f"{name} must be a tuple of {num} numbers, but got {repr(values)[:60]}.")
    for value in values:
        _check(name, value, least, most)
