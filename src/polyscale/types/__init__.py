"""The nouns that every floor shares, frozen."""

from polyscale.types.backbone import HW, SOURCES, Backbone, Source, TileFeatures
from polyscale.types.candidate import Candidate, check_scales, format_scale
from polyscale.types.result import Contrast, Outcome, Result, Verdict

__all__ = [
    "HW",
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
]
