"""The tasks that have recipes."""

from collections.abc import Mapping

from polyscale.studies.recipes.classify import Classification
from polyscale.studies.recipes.densely import DensePrediction
from polyscale.studies.recipes.task import RecipeTask

TASKS: Mapping[str, RecipeTask] = {
    "classification": Classification(),
    "segmentation": DensePrediction(),
    "depth": DensePrediction(),
}
