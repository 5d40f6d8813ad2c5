"""The nouns that every layer shares, frozen."""

from polyscale.types.backbone import HW, SOURCES, Backbone, Source, TileFeatures
from polyscale.types.candidate import Candidate, check_scales, format_scale
from polyscale.types.progress import Progress, silent
from polyscale.types.short import short_repr

__all__ = [
    "HW",
    "SOURCES",
    "Backbone",
    "Candidate",
    "Progress",
    "Source",
    "TileFeatures",
    "check_scales",
    "format_scale",
    "short_repr",
    "silent",
]
