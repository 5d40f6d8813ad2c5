"""Do I need a larger vision model, for segmentation or depth? (Tables 6 and 7)."""

from polyscale.studies.dense.comparison import DenseComparison
from polyscale.studies.dense.plan import DensePlan, plan_dense
from polyscale.studies.dense.predictor import DensePredictor
from polyscale.studies.dense.run import run_dense
from polyscale.studies.dense.settings import DenseSettings

__all__ = [
    "DenseComparison",
    "DensePlan",
    "DensePredictor",
    "DenseSettings",
    "plan_dense",
    "run_dense",
]
