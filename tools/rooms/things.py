"""What a scene is made of: surfaces, parts (mesh and surface), and things (parts of one class)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tools.rooms.mesh import Floats, Mesh, rotation

Rgb = tuple[float, float, float]
Texture = NDArray[np.uint8]
Rng = np.random.Generator


@dataclass(frozen=True, eq=False)
class Surface:
    """Look of a part: `rgb` in 0–1 multiplies the texture (height, width, 3); gloss in 0–1."""

    rgb: Rgb = (1.0, 1.0, 1.0)
    texture: Texture | None = None
    specular: float = 0.08
    shininess: float = 0.2
    emission: float = 0.0


@dataclass(frozen=True, eq=False)
class Part:
    """A mesh and its look."""

    mesh: Mesh
    surface: Surface


@dataclass(frozen=True, eq=False)
class Thing:
    """Parts of one semantic class, in metres; an `is_shell` thing casts no shadow."""

    kind: str
    parts: tuple[Part, ...]
    is_shell: bool = False

    def _map(self, change: Callable[[Mesh], Mesh]) -> Thing:
        return replace(self, parts=tuple(Part(change(p.mesh), p.surface) for p in self.parts))

    def moved(self, offset_xyz: ArrayLike) -> Thing:
        """Shifted by an offset (3,) in metres."""
        return self._map(lambda mesh: mesh.moved(offset_xyz))

    def turned(self, axis: str, angle_rad: float) -> Thing:
        """Rotated about an axis through the origin."""
        return self._map(lambda mesh: mesh.rotated(rotation(axis, angle_rad)))

    def scaled(self, factor: float) -> Thing:
        """Larger by `factor` about the origin."""
        return self._map(lambda mesh: mesh.scaled(factor))

    def bounds(self) -> Floats:
        """Lower and upper corner (2, 3) in metres."""
        points = np.concatenate([part.mesh.vertices for part in self.parts])
        return np.stack([points.min(0), points.max(0)])

    def settled(self) -> Thing:
        """Centred over the origin and resting on z = 0."""
        low, high = self.bounds()
        return self.moved([-(low[0] + high[0]) / 2, -(low[1] + high[1]) / 2, -low[2]])

    def footprint_radius(self) -> float:
        """Radius in metres of the upright cylinder about the z axis that holds the thing."""
        points = np.concatenate([part.mesh.vertices for part in self.parts])
        return float(np.hypot(points[:, 0], points[:, 1]).max())
