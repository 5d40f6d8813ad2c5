"""One question of the paper each."""

from polyscale.studies.compare import (
    ComparePlan,
    CompareSettings,
    Comparison,
    Failure,
    compare,
    plan_compare,
    run_compare,
)
from polyscale.studies.progress import Progress, silent
from polyscale.studies.run_folder import check_complete, check_out, is_finished, new_run
from polyscale.studies.seams import compare_seams, load_untiled, measure_seams
from polyscale.studies.show import show
from polyscale.types.seams import SeamReport, Seams, WaySeams
from polyscale.types.shown import Shown, ShownScale

__all__ = [
    "ComparePlan",
    "CompareSettings",
    "Comparison",
    "Failure",
    "Progress",
    "SeamReport",
    "Seams",
    "Shown",
    "ShownScale",
    "WaySeams",
    "check_complete",
    "check_out",
    "compare",
    "compare_seams",
    "is_finished",
    "load_untiled",
    "measure_seams",
    "new_run",
    "plan_compare",
    "run_compare",
    "show",
    "silent",
]
