"""Feature maps on another grid, by the operator's own rule: the mean over each cell's area."""

import numpy as np
from numpy.typing import NDArray

from polyscale.multiscale import area_matrix
from polyscale.store.maps import MapArray, MapSource
from polyscale.types import HW


class RegriddedMaps:
    """Maps as `MultiScale` would give them on another output grid.

    Equal to it where a scale is a whole number of tiles; where tiles overlap, cells are averaged
    twice.

    Args:
        maps: on their own grid.
        grid_hw: cells that are wanted.
    """

    def __init__(self, maps: MapSource, grid_hw: HW) -> None:
        self._maps = maps
        self.shape = (maps.shape[0], *grid_hw, maps.shape[3])

    def __len__(self) -> int:
        return self.shape[0]

    def take(self, indices: NDArray[np.integer]) -> MapArray:
        """The maps of some images, in the order of the indices."""
        taken = self._maps.take(indices)
        rows, columns = (
            area_matrix(n, out).astype(np.float32)
            for n, out in zip(taken.shape[1:3], self.shape[1:3], strict=True)
        )
        return np.einsum(
            "yh,xw,nhwc->nyxc", rows, columns, taken.astype(np.float32), optimize=True
        ).astype(taken.dtype)
