"""Which tiles an image is cut into, and where their features go: no torch, no pixels."""

from polyscale.plan.levels import Level, Plan, TileGrid, plan_levels, plan_reference_levels
from polyscale.plan.pooling import AxisWeights, adaptive_weights, area_weights
from polyscale.plan.tiling import Aspect, Tiling, Window, check_flag, scales_of

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
    "check_flag",
    "plan_levels",
    "plan_reference_levels",
    "scales_of",
]
