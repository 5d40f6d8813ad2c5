"""MuJoCo: compile a scene once, then render colour, depth and object ids without a display."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray
from tools.rooms.camera import Camera
from tools.rooms.classes import SEMANTIC_ID
from tools.rooms.lights import Lamp, Lighting
from tools.rooms.mesh import Floats, Mesh
from tools.rooms.things import Part, Surface, Thing

TARGET_GROUP = 1
SHELL_GROUP = 2
# Shadows are drawn within this distance of the middle between the room's centre and the target.
SHADOW_HALF_M = 2.7


@dataclass(frozen=True, eq=False)
class Compiled:
    """A MuJoCo model, and per geom: its class id, whether it is the target, whether it is shell."""

    model: mujoco.MjModel
    data: mujoco.MjData
    class_of_geom: NDArray[np.uint8]
    shadow_centre: Floats
    image_px: int


def compile_scene(
    things: Sequence[Thing], target: Thing, camera: Camera, image_px: int
) -> Compiled:
    """All things as static visual geoms; the target in a geom group of its own."""
    spec = mujoco.MjSpec()
    spec.visual.global_.offwidth = spec.visual.global_.offheight = image_px
    spec.visual.quality.offsamples = 0
    spec.visual.quality.shadowsize = 3072
    spec.visual.map.znear, spec.visual.map.zfar = 0.01, 5.0
    spec.visual.map.shadowclip = 1.0
    spec.stat.extent = SHADOW_HALF_M
    materials: dict[int, str] = {}
    classes: list[int] = []
    for thing in [*things, target]:
        group = TARGET_GROUP if thing is target else SHELL_GROUP if thing.is_shell else 0
        for part in thing.parts:
            _add_part(
                spec, part, f"m{len(classes)}", _material(spec, part.surface, materials), group
            )
            classes.append(SEMANTIC_ID[thing.kind])
    spec.worldbody.add_camera(
        name="eye", pos=camera.position, quat=_quaternion(camera), fovy=camera.fov_deg
    )
    model = spec.compile()
    centre = 0.5 * target.bounds().mean(0) + [0.0, 0.0, 0.5]
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)
    mujoco.mj_camlight(model, data)
    return Compiled(model, data, np.asarray(classes, np.uint8), centre, image_px)


def _quaternion(camera: Camera) -> Floats:
    frame = np.stack([camera.right, camera.up, np.cross(camera.right, camera.up)], 1)
    quaternion = np.zeros(4)
    mujoco.mju_mat2Quat(quaternion, frame.ravel())
    return quaternion


def _add_part(spec: mujoco.MjSpec, part: Part, name: str, material: str, group: int) -> None:
    mesh = _without_slivers(part.mesh)
    spec.add_mesh(
        name=name,
        uservert=mesh.vertices.ravel(),
        usernormal=mesh.normals.ravel(),
        usertexcoord=mesh.uv.ravel(),
        userface=mesh.faces.ravel(),
        inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL,
    )
    spec.worldbody.add_geom(
        type=mujoco.mjtGeom.mjGEOM_MESH,
        meshname=name,
        material=material,
        group=group,
        contype=0,
        conaffinity=0,
    )


def _without_slivers(mesh: Mesh) -> Mesh:
    corners = mesh.vertices[mesh.faces]
    area = np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    )
    return Mesh(mesh.vertices, mesh.normals, mesh.uv, mesh.faces[area > 1e-10])


def _material(spec: mujoco.MjSpec, surface: Surface, known: dict[int, str]) -> str:
    """Name of the surface's material; a surface object used twice is added once."""
    if id(surface) in known:
        return known[id(surface)]
    name = f"s{len(known)}"
    known[id(surface)] = name
    material = spec.add_material(
        name=name,
        rgba=[*surface.rgb, 1.0],
        specular=surface.specular,
        shininess=surface.shininess,
        emission=surface.emission,
    )
    if surface.texture is not None:
        height, width = surface.texture.shape[:2]
        texture = spec.add_texture(
            name=name, type=mujoco.mjtTexture.mjTEXTURE_2D, width=width, height=height, nchannel=3
        )
        texture.data = surface.texture.tobytes()
        material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name
    return name


class Painter:
    """Renders one compiled scene."""

    def __init__(self, compiled: Compiled) -> None:
        px = compiled.image_px
        self._compiled = compiled
        self._renderer = mujoco.Renderer(compiled.model, px, px, max_geom=4000)
        self._option = mujoco.MjvOption()

    @property
    def num_target_parts(self) -> int:
        """Number of geoms the target is made of."""
        return int((self._compiled.model.geom_group == TARGET_GROUP).sum())

    def close(self) -> None:
        """Free the renderer."""
        self._renderer.close()

    def colour(self, lighting: Lighting) -> Floats:
        """Mean of the lighting's passes, (height, width, 3) in 0–1, before exposure."""
        self._update()
        scene = self._renderer.scene
        for geom in scene.geoms[: scene.ngeom]:
            # decorations receive shadows but cast none: light from outside passes the walls
            if self._compiled.model.geom_group[geom.objid] == SHELL_GROUP:
                geom.category = mujoco.mjtCatBit.mjCAT_DECOR
        scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0
        scene.flags[mujoco.mjtRndFlag.mjRND_SKYBOX] = 0
        px = self._compiled.image_px
        frustum = [(c.frustum_center, c.frustum_top, c.frustum_bottom) for c in scene.camera]
        total = np.zeros((px, px, 3))
        for lamps, (shift_x, shift_y) in zip(lighting.passes, lighting.shifts_px, strict=True):
            self._set_lights(lighting.ambient, lamps)
            for camera, (centre, top, bottom) in zip(scene.camera, frustum, strict=True):
                pixel = (top - bottom) / px
                camera.frustum_center = centre + shift_x * pixel
                camera.frustum_top = top + shift_y * pixel
                camera.frustum_bottom = bottom + shift_y * pixel
            total += self._renderer.render()
        return total / (255 * len(lighting.passes))

    def _set_lights(self, ambient: float, lamps: Sequence[Lamp]) -> None:
        scene = self._renderer.scene
        scene.nlight = len(lamps)
        for light, lamp in zip(scene.lights, lamps, strict=False):
            light.type = mujoco.mjtLightType.mjLIGHT_DIRECTIONAL
            light.dir = lamp.direction
            light.pos = self._compiled.shadow_centre - 6.0 * lamp.direction
            light.diffuse = lamp.rgb
            light.specular = (0.6 if lamp.shadow else 0.0) * lamp.rgb
            light.ambient = np.full(3, ambient / len(lamps))
            light.castshadow = lamp.shadow

    def depth_m(self) -> NDArray[np.float32]:
        """Planar depth (height, width) in metres."""
        self._renderer.enable_depth_rendering()
        self._update()
        depth = self._renderer.render().copy()
        self._renderer.disable_depth_rendering()
        return depth

    def target_parts(self, *, alone: bool = False) -> NDArray[np.int32]:
        """Which part of the target a pixel shows (height, width), -1 for none.

        `alone` leaves everything else away.
        """
        ids = self.geom_ids(target_only=alone)
        first = int(np.flatnonzero(self._compiled.model.geom_group == TARGET_GROUP)[0])
        return np.where(ids >= first, ids - first, -1)

    def geom_ids(self, *, target_only: bool = False) -> NDArray[np.int32]:
        """Geom seen at each pixel centre (height, width), -1 for none."""
        self._renderer.enable_segmentation_rendering()
        self._update(target_only=target_only)
        ids = self._renderer.render()[..., 0].copy()
        self._renderer.disable_segmentation_rendering()
        return ids

    def _update(self, *, target_only: bool = False) -> None:
        self._option.geomgroup[:] = 0
        self._option.geomgroup[TARGET_GROUP] = 1
        self._option.geomgroup[[0, SHELL_GROUP]] = 0 if target_only else 1
        self._renderer.update_scene(self._compiled.data, "eye", self._option)


@contextmanager
def painter(compiled: Compiled) -> Iterator[Painter]:
    """A `Painter` that is closed afterwards."""
    made = Painter(compiled)
    try:
        yield made
    finally:
        made.close()
