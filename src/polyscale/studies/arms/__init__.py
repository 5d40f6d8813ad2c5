"""Does it pay to pre-train with S²? The four arms of Table 4 (paper, section 4.3)."""

from polyscale.studies.arms.halves import divide
from polyscale.studies.arms.settings import ArmsSettings, parse_model

__all__ = ["ArmsSettings", "divide", "parse_model"]
