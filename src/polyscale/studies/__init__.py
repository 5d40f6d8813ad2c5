"""One question of the paper each."""

from polyscale.studies.compare import (
    ComparePlan,
    CompareSettings,
    compare,
    plan_compare,
    run_compare,
)
from polyscale.studies.comparison import Comparison
from polyscale.studies.progress import Progress, silent
from polyscale.studies.run_folder import check_out, is_finished, new_run
from polyscale.studies.seams import Seams, measure_seams

__all__ = [
    "ComparePlan",
    "CompareSettings",
    "Comparison",
    "Progress",
    "Seams",
    "check_out",
    "compare",
    "is_finished",
    "measure_seams",
    "new_run",
    "plan_compare",
    "run_compare",
    "silent",
]
