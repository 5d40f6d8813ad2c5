"""Which tiles an image is cut into: whole numbers, without torch."""

from polyscale.operator.plan.levels import Level, Plan, TileGrid, plan_levels
from polyscale.operator.plan.tiling import (
    Aspect,
    Tiling,
    Window,
    check_choice,
    check_count,
    check_flag,
    check_hw,
    scales_of,
)

__all__ = [
    "Aspect",
    "Level",
    "Plan",
    "TileGrid",
    "Tiling",
    "Window",
    "check_choice",
    "check_count",
    "check_flag",
    "check_hw",
    "plan_levels",
    "scales_of",
]
