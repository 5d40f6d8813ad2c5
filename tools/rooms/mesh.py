"""Triangle meshes of a few parametric shapes: metres, z up, faces counter-clockwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Radius = Callable[[Floats], Floats]

# Neighbouring facets that differ by less than this are shaded as one smooth surface.
CREASE_DEG = 38.0


@dataclass(frozen=True)
class Mesh:
    """Vertices (n, 3) in metres, unit normals (n, 3), texture coordinates (n, 2), faces (m, 3)."""

    vertices: Floats
    normals: Floats
    uv: Floats
    faces: NDArray[np.int32]

    def moved(self, offset_xyz: ArrayLike) -> Mesh:
        """Shifted by an offset (3,) in metres."""
        return replace(self, vertices=self.vertices + np.asarray(offset_xyz, dtype=np.float64))

    def rotated(self, rotation: Floats) -> Mesh:
        """Rotated about the origin by a matrix (3, 3)."""
        return replace(self, vertices=self.vertices @ rotation.T, normals=self.normals @ rotation.T)

    def scaled(self, factor: float) -> Mesh:
        """Larger by `factor` in all directions; texture coordinates stay."""
        return replace(self, vertices=self.vertices * factor)

    def with_uv(self, scale: float, offset_uv: ArrayLike = (0.0, 0.0)) -> Mesh:
        """Texture coordinates times `scale` (repeats a metre, for shapes that state metres)."""
        return replace(self, uv=self.uv * scale + np.asarray(offset_uv, dtype=np.float64))

    def two_sided(self) -> Mesh:
        """With a second, inward copy of each face, so that both sides are drawn."""
        flipped = replace(self, normals=-self.normals, faces=self.faces[:, ::-1])
        return merge([self, flipped])


def merge(meshes: Sequence[Mesh]) -> Mesh:
    """One mesh of several."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes[:-1])])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.normals for mesh in meshes]),
        np.concatenate([mesh.uv for mesh in meshes]),
        np.concatenate([mesh.faces + start for mesh, start in zip(meshes, starts, strict=True)]),
    )


def rotation(axis: str, angle_rad: float) -> Floats:
    """Rotation matrix about one of the axes "x", "y", "z"."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[i, i], matrix[i, j], matrix[j, i], matrix[j, j] = c, -s, s, c
    return matrix


def _grid(rows: int, columns: int, flip: bool = False) -> NDArray[np.int32]:
    """Faces of a (rows, columns) grid of vertices; columns run counter-clockwise, rows outward."""
    start = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)[None]).ravel()
    a, b, c, d = start, start + 1, start + columns + 1, start + columns
    quads = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    return (quads[:, ::-1] if flip else quads).astype(np.int32)


def unit(vectors: Floats) -> Floats:
    """Vectors (..., 3) at length one."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(length, 1e-12)


def _smooth_ends(normals: Floats, closed: bool) -> tuple[Floats, Floats]:
    """Normals at both ends of each segment, averaged with the neighbour's unless creased."""
    before, after = np.roll(normals, 1, axis=0), np.roll(normals, -1, axis=0)
    if not closed:
        before[0], after[-1] = normals[0], normals[-1]
    limit = np.cos(np.radians(CREASE_DEG))
    ends = []
    for other in (before, after):
        smooth = (normals * other).sum(1, keepdims=True) > limit
        ends.append(unit(np.where(smooth, normals + other, normals)))
    return ends[0], ends[1]


def quad(corners: ArrayLike, uv_size: tuple[float, float] = (1.0, 1.0)) -> Mesh:
    """Rectangle from four counter-clockwise corners (4, 3); the texture spans `uv_size`."""
    points = np.asarray(corners, dtype=np.float64)
    normal = unit(np.cross(points[1] - points[0], points[3] - points[0]))
    uv = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], dtype=np.float64) * uv_size
    return Mesh(points, np.tile(normal, (4, 1)), uv, np.array([[0, 1, 2], [0, 2, 3]], np.int32))


def _box_face(half: Floats, inset: float, axis: int, sign: float) -> tuple[Floats, Floats]:
    a, b = [(1, 2), (2, 0), (0, 1)][axis]
    corner_signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], dtype=np.float64)
    if sign < 0:
        corner_signs = corner_signs[::-1]
    points = np.zeros((4, 3))
    points[:, axis] = sign * half[axis]
    points[:, a] = corner_signs[:, 0] * (half[a] - inset)
    points[:, b] = corner_signs[:, 1] * (half[b] - inset)
    # u runs along the longer side, so that wood grain does too
    u, v = (a, b) if half[a] >= half[b] else (b, a)
    return points, points[:, [u, v]]


def box(size_xyz: ArrayLike, bevel: float = 0.0) -> Mesh:
    """Box centred at the origin, texture coordinates in metres; `bevel` rounds its edges off."""
    half = np.asarray(size_xyz, dtype=np.float64) / 2
    points: list[Floats] = []
    normals, uv, faces = [], [], []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            face_points, face_uv = _box_face(half, bevel, axis, sign)
            normal = np.zeros(3)
            normal[axis] = sign
            start = 4 * len(points)
            points.append(face_points)
            uv.append(face_uv)
            normals.append(np.tile(normal, (4, 1)))
            faces += [[start, start + 1, start + 2], [start, start + 2, start + 3]]
    flat = Mesh(
        np.concatenate(points),
        np.concatenate(normals),
        np.concatenate(uv),
        np.array(faces, np.int32),
    )
    return merge([flat, _bevels(flat)]) if bevel > 0 else flat


def _bevels(flat: Mesh) -> Mesh:
    """The strips and corners that join the inset faces of a box; shading goes from face to face."""
    points, normals = flat.vertices, flat.normals
    corner = [tuple(row) for row in np.sign(points)]
    axis_of = np.abs(normals).argmax(1)
    triangles = []
    for first in range(24):
        for second in range(first + 1, 24):
            same = corner[first] == corner[second] and axis_of[first] < axis_of[second]
            if not same:
                continue
            edge = 3 - axis_of[first] - axis_of[second]
            if corner[first][edge] < 0:
                triangles += _edge_strip(corner, axis_of, first, second, edge)
    for signs in set(corner):
        triangles.append([index for index in range(24) if corner[index] == signs])
    return _facing_out(points, normals, flat.uv, np.array(sorted(triangles)))


def _edge_strip(
    corner: list[tuple[float, ...]], axis_of: NDArray[np.int64], first: int, second: int, edge: int
) -> list[list[int]]:
    far = list(corner[first])
    far[edge] = 1.0
    ends = [index for index in range(24) if corner[index] == tuple(far)]
    first_end = next(index for index in ends if axis_of[index] == axis_of[first])
    second_end = next(index for index in ends if axis_of[index] == axis_of[second])
    return [[first, second, second_end], [first, second_end, first_end]]


def _facing_out(points: Floats, normals: Floats, uv: Floats, triangles: NDArray[np.int64]) -> Mesh:
    corners = points[triangles]
    facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    inward = (facing * corners.mean(1)).sum(1) < 0
    triangles = np.where(inward[:, None], triangles[:, ::-1], triangles)
    flat = triangles.ravel()
    return Mesh(
        points[flat],
        normals[flat],
        np.repeat(uv[triangles[:, 0]], 3, axis=0),
        np.arange(len(flat), dtype=np.int32).reshape(-1, 3),
    )


def lathe(profile: Sequence[tuple[float, float]], segments: int = 40) -> Mesh:
    """Surface of revolution about z of (radius, height) points, the outside on their right.

    A solid starts at the bottom centre, goes out, up and back to the top centre. Texture
    coordinates: angle in [0, 1], distance along the profile in metres.
    """
    points = np.asarray(profile, dtype=np.float64)
    steps = np.diff(points, axis=0)
    length = np.linalg.norm(steps, axis=1)
    start_normals, end_normals = _smooth_ends(unit(np.stack([steps[:, 1], -steps[:, 0]], 1)), False)
    angle = np.linspace(0, 2 * np.pi, segments + 1)
    travelled = np.concatenate([[0.0], np.cumsum(length)])
    strips = []
    for index in range(len(steps)):
        ends = points[index : index + 2]
        rim = np.stack([start_normals[index], end_normals[index]])
        u, v = np.meshgrid(angle / (2 * np.pi), travelled[index : index + 2])
        strips.append(
            Mesh(
                _revolve(ends, angle),
                _revolve(rim, angle),
                np.stack([u.ravel(), v.ravel()], 1),
                _grid(2, segments + 1),
            )
        )
    return merge(strips)


def _revolve(radius_height: Floats, angle: Floats) -> Floats:
    radius, height = radius_height[:, :1], radius_height[:, 1:]
    x, y = radius * np.cos(angle), radius * np.sin(angle)
    return np.stack([x.ravel(), y.ravel(), np.broadcast_to(height, x.shape).ravel()], 1)


def sphere(radius: float) -> Mesh:
    """Sphere around the origin, radius in metres."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, 19)
    return lathe(
        [(radius * np.cos(a) if abs(a) < 1.57 else 0.0, radius * np.sin(a)) for a in angle]
    )


def cylinder(radius: float, height: float, segments: int = 32) -> Mesh:
    """Solid cylinder standing on z = 0."""
    return lathe([(0, 0), (radius, 0), (radius, height), (0, height)], segments)


def plate(outer: Radius, inner: float, height: float, samples: int = 96) -> Mesh:
    """Flat part on z = 0 with outline `outer(angle)`, round hole of radius `inner` (0: none)."""
    angle = np.linspace(0, 2 * np.pi, samples + 1)
    around = np.stack([np.cos(angle), np.sin(angle)], 1)
    rims = np.stack([around * max(inner, 0.0), around * outer(angle)[:, None]])
    parts = [_wall(rims[1], height, flip=False)]
    if inner > 0:
        parts.append(_wall(rims[0], height, flip=True))
    for z, normal_z in ((0.0, -1.0), (height, 1.0)):
        flat = np.concatenate([rims.reshape(-1, 2), np.full((2 * (samples + 1), 1), z)], 1)
        normals = np.tile([0.0, 0.0, normal_z], (len(flat), 1))
        parts.append(Mesh(flat, normals, flat[:, :2], _grid(2, samples + 1, flip=normal_z > 0)))
    return merge(parts)


def _wall(outline: Floats, height: float, *, flip: bool) -> Mesh:
    """Upright wall along a counter-clockwise outline (n + 1, 2) that ends where it starts."""
    steps = np.diff(outline, axis=0)
    normals = unit(np.stack([steps[:, 1], -steps[:, 0]], 1))
    starts, ends = _smooth_ends(normals, closed=True)
    count = len(steps)
    lower = np.stack([outline[:-1], outline[1:]], 1).reshape(-1, 2)
    sides = np.stack([starts, ends], 1).reshape(-1, 2) * (-1.0 if flip else 1.0)
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(steps, axis=1))])
    along = np.stack([length[:-1], length[1:]], 1).ravel()
    points = [np.c_[lower, np.full(2 * count, z)] for z in (0.0, height)]
    uv = [np.c_[along, np.full(2 * count, z)] for z in (0.0, height)]
    start = 2 * np.arange(count)
    a, b, c, d = start, start + 1, start + 1 + 2 * count, start + 2 * count
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype(np.int32)
    upright = np.tile(np.c_[sides, np.zeros(2 * count)], (2, 1))
    return Mesh(
        np.concatenate(points), upright, np.concatenate(uv), faces[:, ::-1] if flip else faces
    )


def tube(path: ArrayLike, radius: float | Sequence[float], sides: int = 12) -> Mesh:
    """Round bar along a path (n, 3) in metres; `radius` may differ from point to point."""
    points = np.asarray(path, dtype=np.float64)
    tangents = unit(np.gradient(points, axis=0))
    reference = np.eye(3)[np.abs(tangents).mean(0).argmin()]
    first = unit(np.cross(tangents, reference))
    second = np.cross(tangents, first)
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    normals = (
        np.cos(angle)[None, :, None] * first[:, None]
        + np.sin(angle)[None, :, None] * second[:, None]
    )
    radii = np.broadcast_to(np.asarray(radius, dtype=np.float64), (len(points),))
    vertices = points[:, None] + radii[:, None, None] * normals
    u, v = np.meshgrid(angle / (2 * np.pi), np.linspace(0, 1, len(points)))
    return Mesh(
        vertices.reshape(-1, 3),
        normals.reshape(-1, 3),
        np.stack([u.ravel(), v.ravel()], 1),
        _grid(len(points), sides + 1),
    )
