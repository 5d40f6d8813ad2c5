"""The nouns that every floor shares, frozen."""

from polyscale.types.backbone import HW, SOURCES, Backbone, Source, TileFeatures
from polyscale.types.candidate import Candidate, check_scales, format_scale
from polyscale.types.result import Contrast, Outcome, Result, Verdict
from polyscale.types.run_marks import RUN_MARKS, is_run

__all__ = [
    "HW",
    "RUN_MARKS",
    "SOURCES",
    "Backbone",
    "Candidate",
    "Contrast",
    "Outcome",
    "Result",
    "Source",
    "TileFeatures",
    "Verdict",
    "check_scales",
    "format_scale",
    "is_run",
]
