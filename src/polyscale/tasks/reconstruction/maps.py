"""A candidate's maps on the target's grid, and those of all scales of its backbone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from polyscale.features import JoinedMaps, MapSource, RegriddedMaps, resampling_matrix
from polyscale.types import HW

TOKENS_AT_ONCE = 4096
"""Tokens that are read at once, so that memory does not depend on how many there are."""

Tokens = Float[np.ndarray, "tokens channels"]


@dataclass(frozen=True, eq=False)
class ScaleMaps:
    """Maps of one backbone.

    Attributes:
        features: scale → its maps, also of scales that only other candidates use.
        scales: of the candidate.
    """

    features: Mapping[float, MapSource]
    scales: tuple[float, ...]

    @property
    def columns(self) -> NDArray[np.int64]:
        """Where the candidate's channels stand among those of all scales."""
        dims = [maps.shape[3] for maps in self.features.values()]
        starts = dict(zip(self.features, np.cumsum([0, *dims]), strict=False))
        return np.concatenate(
            [starts[s] + np.arange(self.features[s].shape[3]) for s in self.scales]
        )

    def on(self, grid_hw: HW, *, all_scales: bool = False) -> MapSource:
        """The maps of the candidate's scales, or of all, side by side on a grid."""
        scales = self.features if all_scales else self.scales
        return on_grid(JoinedMaps([self.features[scale] for scale in scales]), grid_hw)


def on_grid(maps: MapSource, grid_hw: HW) -> MapSource:
    """Maps resampled to a grid, if they are not on it."""
    if maps.shape[1:3] == grid_hw:
        return maps
    return RegriddedMaps(maps, grid_hw, resampling_matrix)


def about_resampling(grid_hw: HW, target_hw: HW) -> str:
    """How maps are brought to the target's grid, in words."""
    if grid_hw == target_hw:
        return "not resampled"
    kinds = ["area mean" if t <= g else "linear" for g, t in zip(grid_hw, target_hw, strict=True)]
    how = kinds[0] if kinds[0] == kinds[1] else f"{kinds[0]} down, {kinds[1]} across"
    (h, w), (target_h, target_w) = grid_hw, target_hw
    return f"from {h}×{w} to {target_h}×{target_w} cells, {how}"


def batches(
    images: NDArray[np.integer], maps: Sequence[MapSource]
) -> Iterator[tuple[NDArray[np.integer], list[Tokens]]]:
    """Some images at a time, and the tokens of each of several maps of them."""
    height, width = maps[0].shape[1:3]
    num = max(1, TOKENS_AT_ONCE // (height * width))
    for start in range(0, len(images), num):
        chosen = images[start : start + num]
        # (images, h, w, channels) → (tokens, channels)
        yield chosen, [own.take(chosen).reshape(-1, own.shape[3]) for own in maps]
