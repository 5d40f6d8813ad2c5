"""Does it pay to pre-train with S²? The four arms of Table 4 (paper, section 4.3)."""

from polyscale.studies.arms.plan import ArmsPlan, plan_arms
from polyscale.studies.arms.run import run_arms
from polyscale.studies.arms.settings import ArmsSettings, parse_model

__all__ = ["ArmsPlan", "ArmsSettings", "parse_model", "plan_arms", "run_arms"]
