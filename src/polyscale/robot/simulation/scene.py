"""The simulated scene: a robot has to lift a cube from a table with other objects on it."""

from dataclasses import dataclass
from importlib.metadata import version
from types import TracebackType
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, UInt8
from numpy.typing import NDArray

from polyscale.checks import check_integer
from polyscale.errors import InputError, require
from polyscale.robot.simulation.arrangement import CUBE_RGB, Arrangement, arrange
from polyscale.robot.simulation.model import (
    CUBE,
    FLOOR,
    TABLETOP,
    compile_scene,
    distractor_name,
    half_height_m,
    surface_name,
)
from polyscale.robot.simulation.rendering import load_mujoco, make_renderer
from polyscale.robot.simulation.settings import SceneSettings

SCENE_VERSION = 1
"""Increase it when the same settings, seed and actions give other observations."""

FPS = 25
"""Actions per second."""

SUBSTEPS = 20
"""Simulation steps per action, 2 ms each, as in FetchPickAndPlace."""

REACH_M = 0.05
"""Largest movement of the gripper along each axis in one action."""

ACTION_LIMIT = 1.0
"""Actions are clipped to ± this value."""

TABLE_Z_M = 0.4
CUBE_Z_M = 0.425
"""Heights of the table's surface, and of the centre of a cube that lies on it."""

GRIPPER = "robot0:gripper_link"
GRIP = "robot0:grip"
FINGERS = ("robot0:l_gripper_finger_joint", "robot0:r_gripper_finger_joint")
BASE = {"robot0:slide0": 0.405, "robot0:slide1": 0.48, "robot0:slide2": 0.0}
"""Where the robot stands, as positions of the joints of its base."""

START_M = (-0.498, 0.005, -0.231)
"""Offset from the gripper's initial place in the model to its place when episodes begin."""

UPRIGHT = (1, 0, 1, 0)
"""Quaternion of a gripper that points down."""

STATE_NAMES = ("x", "y", "z", "velocity_x", "velocity_y", "velocity_z", "opening")
PRIVILEGED_NAMES = (*STATE_NAMES, "cube_x", "cube_y", "cube_z")
ACTION_NAMES = ("x", "y", "z", "fingers")


def simulator_versions() -> dict[str, str]:
    """Versions on which observations depend; part of every key and file of simulated episodes.

    Raises:
        MissingExtraError: if MuJoCo or gymnasium-robotics is not installed.
    """
    packages = {"mujoco": "mujoco", "gymnasium-robotics": "gymnasium_robotics"}
    for module in packages.values():
        require(module, extra="robot", feature="The simulated scene")
    return {"scene": str(SCENE_VERSION)} | {package: version(package) for package in packages}


@dataclass(frozen=True, eq=False)
class Observation:
    """What is observed before an action.

    Attributes:
        image: what the camera sees, RGB from 0 to 255.
        state: what the robot knows about itself (proprioception): position (3, metres) and velocity
            (3, metres per second) of the gripper, and the distance between its fingers (1, metres).
        privileged: the state, and the position of the cube's centre (3, metres), which only a
            simulator knows.
        success: whether the cube has been lifted by at least `SceneSettings.lift_m`.
    """

    image: UInt8[np.ndarray, "side side 3"]
    state: Float32[np.ndarray, " num_state"]
    privileged: Float32[np.ndarray, " num_privileged"]
    success: bool


class PickingScene:
    """The scene, simulated and rendered. Use it in a single thread, and close it in the end.

    Args:
        settings: settings of the scene.
        side_px: side of the square pictures; 0 renders none, and needs no rendering library.

    Raises:
        MissingExtraError: if MuJoCo or gymnasium-robotics is not installed.
        RunError: if no library can render.
    """

    action_limit = ACTION_LIMIT

    def __init__(self, settings: SceneSettings, side_px: int = 448) -> None:
        self.settings = settings
        self.side_px = side_px
        self._mujoco = load_mujoco()
        self._model = compile_scene(settings.num_distractors, settings.num_surfaces)
        self._data = self._mujoco.MjData(self._model)
        self._settle()
        self._start_qpos = self._data.qpos.copy()
        self._camera = self._make_camera()
        self._renderer = make_renderer(self._model, side_px) if side_px else None

    def __enter__(self) -> "PickingScene":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the renderer."""
        if self._renderer is not None:
            self._renderer.close()

    @property
    def cube_position(self) -> Float[np.ndarray, " 3"]:
        """Position of the cube's centre, x, y and z in metres."""
        return self._data.body(CUBE).xpos.copy()

    def reset(self, seed: int) -> Observation:
        """Begin an episode; everything in it depends on the seed alone.

        Raises:
            InputError: if the seed is not a whole number of at least 0.
        """
        seed = check_integer("seed", seed, 0, 2**63)
        arrangement = arrange(self.settings, seed)
        self._mujoco.mj_resetData(self._model, self._data)
        self._data.qpos[:] = self._start_qpos
        self._place(arrangement)
        self._paint(arrangement)
        self._mujoco.mj_forward(self._model, self._data)
        self._follow(np.zeros(3))
        return self._observe()

    def step(self, action: Float32[np.ndarray, " 4"]) -> Observation:
        """Carry out one action, which takes 40 ms, and observe the result.

        Args:
            action: movement of the gripper along x, y and z, where ±1 is ±5 cm, and fingers: −1
                closes them, 1 opens them. Values beyond ±1 are clipped.

        Raises:
            InputError: if the action is not four finite numbers.
        """
        action = np.asarray(action, dtype=np.float64)
        if action.shape != (4,) or not np.isfinite(action).all():
            raise InputError(
                f"action must be 4 finite numbers, but got {action.tolist()}. Check the policy."
            )
        action = action.clip(-ACTION_LIMIT, ACTION_LIMIT)
        self._follow(REACH_M * action[:3])
        for finger in FINGERS:
            self._data.actuator(finger).ctrl = self._data.joint(finger).qpos + action[3]
        self._mujoco.mj_step(self._model, self._data, nstep=SUBSTEPS)
        return self._observe()

    def _settle(self) -> None:
        """Move the gripper over the table, as FetchPickAndPlace does before its first episode."""
        model, data = self._model, self._data
        for name, place in BASE.items():
            data.joint(name).qpos = place
        data.joint(f"{CUBE}:joint").qpos = [1.25, 0.53, CUBE_Z_M, 1, 0, 0, 0]
        weld = model.eq_type == self._mujoco.mjtEq.mjEQ_WELD
        model.eq_data[weld, :7] = [0, 0, 0, 0, 0, 0, 1]
        self._mujoco.mj_forward(model, data)
        data.mocap_pos[0] = data.site(GRIP).xpos + START_M
        data.mocap_quat[0] = UPRIGHT
        self._mujoco.mj_step(model, data, nstep=10 * SUBSTEPS)

    def _follow(self, movement: NDArray[np.floating]) -> None:
        """Put the mocap body, which pulls the gripper, at this offset (in metres), upright."""
        self._data.mocap_pos[0] = self._data.body(GRIPPER).xpos + movement
        self._data.mocap_quat[0] = self._data.body(GRIPPER).xquat + UPRIGHT

    def _place(self, arrangement: Arrangement) -> None:
        self._data.joint(f"{CUBE}:joint").qpos = [*arrangement.cube_xy_m, CUBE_Z_M, 1, 0, 0, 0]
        for index, (x, y) in enumerate(arrangement.distractors_xy_m):
            half_yaw = arrangement.distractors_yaw[index] / 2
            turn = [np.cos(half_yaw), 0, 0, np.sin(half_yaw)]
            place = [x, y, TABLE_Z_M + half_height_m(index), *turn]
            self._data.joint(distractor_name(index)).qpos = place

    def _paint(self, arrangement: Arrangement) -> None:
        model = self._model
        model.geom(CUBE).rgba[:3] = CUBE_RGB
        for index, colour in enumerate(arrangement.distractors_rgb):
            model.geom(distractor_name(index)).rgba[:3] = colour
        for geom, surface, tint in zip(
            (TABLETOP, FLOOR), arrangement.surfaces, arrangement.surfaces_rgb, strict=True
        ):
            model.geom(geom).matid = model.material(surface_name(surface)).id
            model.geom(geom).rgba = [*tint, 1]
        light = model.light("light0")
        light.diffuse, light.dir = arrangement.light_rgb, arrangement.light_direction

    def _make_camera(self) -> Any:
        camera, settings = self._mujoco.MjvCamera(), self.settings
        camera.lookat[:] = settings.camera_lookat_m
        camera.distance = settings.camera_distance_m
        camera.azimuth = settings.camera_azimuth_deg
        camera.elevation = settings.camera_elevation_deg
        return camera

    def _observe(self) -> Observation:
        data = self._data
        velocity = np.empty(6)
        kind = self._mujoco.mjtObj.mjOBJ_SITE
        grip = self._model.site(GRIP).id
        self._mujoco.mj_objectVelocity(self._model, data, kind, grip, velocity, 0)
        opening = sum(float(data.joint(finger).qpos[0]) for finger in FINGERS)
        state = np.array([*data.site(GRIP).xpos, *velocity[3:], opening], dtype=np.float32)
        cube = self.cube_position
        return Observation(
            self._draw(),
            state,
            np.concatenate([state, cube.astype(np.float32)]),
            bool(cube[2] - CUBE_Z_M >= self.settings.lift_m),
        )

    def _draw(self) -> UInt8[np.ndarray, "side side 3"]:
        if self._renderer is None:
            return np.empty((0, 0, 3), np.uint8)
        self._renderer.update_scene(self._data, camera=self._camera)
        return self._renderer.render()
