"""Which tiles an image is cut into: whole numbers, without torch."""

from polyscale.operator.plan.levels import (
    Level,
    Plan,
    TileGrid,
    closest_grid,
    plan_levels,
    squared_tiles,
)
from polyscale.operator.plan.tiling import Aspect, Tiling, Window, check_hw, scales_of

__all__ = [
    "Aspect",
    "Level",
    "Plan",
    "TileGrid",
    "Tiling",
    "Window",
    "check_hw",
    "closest_grid",
    "plan_levels",
    "scales_of",
    "squared_tiles",
]
