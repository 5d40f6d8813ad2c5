"""Which tiles an image is cut into, and where their features go: no torch, no pixels."""

from polyscale.plan.levels import Level, Plan, TileGrid, plan_levels
from polyscale.plan.pooling import AxisWeights, adaptive_weights, area_weights
from polyscale.plan.tiling import (
    Aspect,
    Tiling,
    Window,
    check_count,
    check_flag,
    check_hw,
    scales_of,
)

__all__ = [
    "Aspect",
    "AxisWeights",
    "Level",
    "Plan",
    "TileGrid",
    "Tiling",
    "Window",
    "adaptive_weights",
    "area_weights",
    "check_count",
    "check_flag",
    "check_hw",
    "plan_levels",
    "scales_of",
]
