"""One question of the paper each."""

from polyscale.records.seams import SeamReport, Seams, WaySeams
from polyscale.records.shown import Shown, ShownScale
from polyscale.studies.compare import (
    ComparePlan,
    CompareSettings,
    Comparison,
    Failure,
    plan_compare,
    run_compare,
)
from polyscale.studies.dense import (
    DenseComparison,
    DensePlan,
    DensePredictor,
    DenseSettings,
    plan_dense,
    run_dense,
)
from polyscale.studies.progress import Progress, silent
from polyscale.studies.run_folder import check_complete, check_out, is_finished, new_run
from polyscale.studies.seams import compare_seams, load_untiled, measure_seams
from polyscale.studies.show import show
from polyscale.studies.tasks import (
    TASKS,
    AnyComparison,
    AnyPlan,
    AnySettings,
    plan_study,
    run_study,
)

__all__ = [
    "TASKS",
    "AnyComparison",
    "AnyPlan",
    "AnySettings",
    "ComparePlan",
    "CompareSettings",
    "Comparison",
    "DenseComparison",
    "DensePlan",
    "DensePredictor",
    "DenseSettings",
    "Failure",
    "Progress",
    "SeamReport",
    "Seams",
    "Shown",
    "ShownScale",
    "WaySeams",
    "check_complete",
    "check_out",
    "compare_seams",
    "is_finished",
    "load_untiled",
    "measure_seams",
    "new_run",
    "plan_compare",
    "plan_dense",
    "plan_study",
    "run_compare",
    "run_dense",
    "run_study",
    "show",
    "silent",
]
