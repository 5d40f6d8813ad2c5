"""Questions about details of pictures, by the two protocols of V* bench."""

from polyscale.studies.vstar.plan import (
    PROTOCOLS,
    Protocol,
    VstarPlan,
    VstarSettings,
    plan_vstar,
)
from polyscale.studies.vstar.run import run_vstar

__all__ = [
    "PROTOCOLS",
    "Protocol",
    "VstarPlan",
    "VstarSettings",
    "plan_vstar",
    "run_vstar",
]
