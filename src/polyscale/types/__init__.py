"""The nouns that every layer shares, frozen."""

from polyscale.types.backbone import HW, SOURCES, Backbone, Source, TileFeatures
from polyscale.types.candidate import Candidate, check_scales, format_scale
from polyscale.types.contrast import Contrast
from polyscale.types.metric import LOWER_IS_BETTER, METRICS, Metric, better_sign
from polyscale.types.progress import Progress, silent
from polyscale.types.result import Result
from polyscale.types.run_marks import RUN_MARKS, is_run
from polyscale.types.verdict import COST_AXES, CostAxis, CostVerdict, Outcome, Rule, Verdict

__all__ = [
    "COST_AXES",
    "HW",
    "LOWER_IS_BETTER",
    "METRICS",
    "RUN_MARKS",
    "SOURCES",
    "Backbone",
    "Candidate",
    "Contrast",
    "CostAxis",
    "CostVerdict",
    "Metric",
    "Outcome",
    "Progress",
    "Result",
    "Rule",
    "Source",
    "TileFeatures",
    "Verdict",
    "better_sign",
    "check_scales",
    "format_scale",
    "is_run",
    "silent",
]
