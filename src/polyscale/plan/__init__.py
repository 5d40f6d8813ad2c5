"""Which tiles an image is cut into, and where their features go: integers, no torch."""

from polyscale.plan.levels import Level, Plan, plan_levels, plan_reference_levels
from polyscale.plan.pooling import AxisWeights, adaptive_weights, area_weights

__all__ = [
    "AxisWeights",
    "Level",
    "Plan",
    "adaptive_weights",
    "area_weights",
    "plan_levels",
    "plan_reference_levels",
]
