"""Depth maps: stored numbers → metres."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from polyscale.data.dense import Depth
from polyscale.data.dense.stored import read_stored
from polyscale.data.dense.target_inspection import TargetFacts
from polyscale.errors import InputError

MIN_DEPTH_M, MAX_DEPTH_M = 1e-3, 10.0
"""Nearer and farther pixels do not count, as is customary for rooms (NYUv2)."""


@dataclass(frozen=True, kw_only=True)
class DepthCoding:
    """What stored numbers mean.

    Attributes:
        per_metre: how many of the stored unit make a metre; None: 1000 for whole numbers
            (millimetres), 1 for others.
        min_m: nearer pixels do not count.
        max_m: likewise farther ones.
    """

    per_metre: float | None = None
    min_m: float = MIN_DEPTH_M
    max_m: float = MAX_DEPTH_M

    def check(self, name: str, depth: TargetFacts) -> bool:
        """Whether any pixel of a depth map counts.

        Raises:
            InputError: if nobody can know its unit.
        """
        if depth.dtype == "uint8" and self.per_metre is None:
            raise InputError(
                f"depth map {name} must have 16 bits or be in metres, but has 8 bits, and no unit "
                "is customary for them. Say how many steps make a metre, for example "
                "?per_metre=25.5 where 255 is 10 m."
            )
        if not depth.values:
            return False
        unit = self._per_metre(depth.dtype)
        return depth.values[0] / unit <= self.max_m and depth.values[1] / unit >= self.min_m

    def beyond(self, depths: Sequence[TargetFacts]) -> list[str]:
        """What to say where depth maps have pixels that are too far to count."""
        farthest = [depth.values[1] / self._per_metre(depth.dtype) for depth in depths]
        num = sum(metres > self.max_m for metres in farthest)
        if not num:
            return []
        return [
            f"Depth maps with pixels beyond {self.max_m:g} m, which do not count: {num} of "
            f"{len(depths)}, the farthest at {max(farthest):.4g} m. Say ?max= if they should."
        ]

    def read(self, source: Path | bytes, name: str) -> Depth:
        """The metres of a depth map, NaN where they are not known.

        Raises:
            InputError: as `read_stored` does.
        """
        stored = read_stored(source, name=name, word="depth map")
        metres = stored.astype(np.float32) / np.float32(self._per_metre(stored.dtype.name))
        metres[~((metres > 0) & np.isfinite(metres))] = np.nan
        return metres

    def _per_metre(self, dtype: str) -> float:
        return self.per_metre or (1.0 if dtype.startswith("float") else 1000.0)
