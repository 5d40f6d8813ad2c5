"""The scene as a model of MuJoCo, compiled once; each episode then changes it in place."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from polyscale.errors import require
from polyscale.robot.simulation.rendering import load_mujoco
from polyscale.robot.simulation.textures import make_textures

ROBOT = "envs/assets/fetch/pick_and_place.xml"
"""FetchPickAndPlace of gymnasium-robotics: a robot, a table and a cube."""

CUBE = "object0"
TABLE = "table0"
TABLETOP = "tabletop"
FLOOR = "floor0"

DISTRACTORS = (
    ("box", (0.022, 0.022, 0.022)),
    ("cylinder", (0.022, 0.028)),
    ("box", (0.030, 0.018, 0.022)),
    ("ellipsoid", (0.030, 0.026, 0.022)),
    ("cylinder", (0.030, 0.016)),
    ("box", (0.016, 0.016, 0.034)),
)
"""Shapes that distractors take in turn, with their sizes as MuJoCo defines them: half sides, or
radius and half height, in metres. All are low enough for the gripper to pass above them."""


def distractor_name(index: int) -> str:
    """The name of a distractor's body and of its only geom."""
    return f"distractor{index}"


def half_height_m(index: int) -> float:
    """How high above the table the middle of a distractor lies."""
    return DISTRACTORS[index % len(DISTRACTORS)][1][-1]


def surface_name(index: int) -> str:
    """The name of a material for the table or the floor."""
    return f"surface{index}"


def compile_scene(num_distractors: int, num_surfaces: int) -> Any:
    """Compile a `mujoco.MjModel` with everything that any episode shows."""
    require("gymnasium_robotics", extra="robot", feature="The simulated scene")
    mujoco = load_mujoco()
    # only its files are used: importing the package changes registries, and fails with newer
    # releases of MuJoCo
    package = find_spec("gymnasium_robotics")
    assert package is not None
    assert package.origin is not None
    spec = mujoco.MjSpec.from_file(str(Path(package.origin).parent / ROBOT))
    _add_surfaces(mujoco, spec, num_surfaces)
    for index in range(num_distractors):
        _add_distractor(mujoco, spec, index)
    _hide_helpers(spec)
    return spec.compile()


def _add_surfaces(mujoco: Any, spec: Any, num: int) -> None:
    """Add materials, and a flat top for the table: a box would stretch a flat texture."""
    for index, pixels in enumerate(make_textures(num)):
        texture = spec.add_texture(
            name=surface_name(index),
            type=mujoco.mjtTexture.mjTEXTURE_2D,
            height=pixels.shape[0],
            width=pixels.shape[1],
            nchannel=3,
        )
        texture.data = pixels.tobytes()
        material = spec.add_material(name=surface_name(index))
        material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = surface_name(index)
    spec.body(TABLE).add_geom(
        name=TABLETOP,
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        pos=[0, 0, 0.2005],
        size=[0.25, 0.35, 1],
        material=surface_name(0),
        contype=0,
        conaffinity=0,
    )
    sky = next(t for t in spec.textures if t.type == mujoco.mjtTexture.mjTEXTURE_SKYBOX)
    sky.rgb1, sky.rgb2 = [0.75, 0.77, 0.80], [0.45, 0.47, 0.50]


def _add_distractor(mujoco: Any, spec: Any, index: int) -> None:
    shape, size = DISTRACTORS[index % len(DISTRACTORS)]
    body = spec.worldbody.add_body(name=distractor_name(index), pos=[3, 0.2 * index, 0.1])
    body.add_freejoint(name=distractor_name(index))
    body.add_geom(
        name=distractor_name(index),
        type=getattr(mujoco.mjtGeom, f"mjGEOM_{shape.upper()}"),
        size=[*size, 0, 0][:3],
        mass=0.2,
        condim=6,
        friction=[1, 0.01, 0.01],
    )


def _hide_helpers(spec: Any) -> None:
    """Hide what FetchPickAndPlace draws for viewers: the goal, and the axes of the mocap body."""
    for site in spec.sites:
        site.rgba[3] = 0
    for geom in spec.body("robot0:mocap").geoms:
        geom.rgba[3] = 0
