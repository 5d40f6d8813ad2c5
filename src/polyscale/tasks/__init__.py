"""Kinds of targets: how heads learn them, and how they are judged. One module for each."""

from polyscale.tasks.capacity import Capacity, CapacitySettings
from polyscale.tasks.classification import Classification, ClassificationSettings
from polyscale.tasks.depth import Depth, DepthSettings
from polyscale.tasks.evaluation import Baseline, Case, Evaluation, FinishedRun, SavedHead, Scores
from polyscale.tasks.groups import ImageGroups
from polyscale.tasks.maps import DensePredictor, MapSettings, MapTask
from polyscale.tasks.multilabel import Multilabel
from polyscale.tasks.options import Option, given_options, group_options, make_settings, option
from polyscale.tasks.picking import Actor, Picking, PickingSettings
from polyscale.tasks.pooled import PooledTask, fit_ridge, ridge_predictions
from polyscale.tasks.pooled_predictor import PooledPredictor
from polyscale.tasks.questions import QuestionAnswering, QuestionSettings
from polyscale.tasks.registry import DEFAULT, get_task, loadable_tasks, task_names, to_task
from polyscale.tasks.regression import Regression
from polyscale.tasks.retrieval import Retrieval
from polyscale.tasks.segmentation import Segmentation, SegmentationSettings
from polyscale.tasks.settings import DrawnSettings, PooledSettings, RunSettings, pooled_rows
from polyscale.tasks.task import AddOn, Task

__all__ = [
    "DEFAULT",
    "Actor",
    "AddOn",
    "Baseline",
    "Capacity",
    "CapacitySettings",
    "Case",
    "Classification",
    "ClassificationSettings",
    "DensePredictor",
    "Depth",
    "DepthSettings",
    "DrawnSettings",
    "Evaluation",
    "FinishedRun",
    "ImageGroups",
    "MapSettings",
    "MapTask",
    "Multilabel",
    "Option",
    "Picking",
    "PickingSettings",
    "PooledPredictor",
    "PooledSettings",
    "PooledTask",
    "QuestionAnswering",
    "QuestionSettings",
    "Regression",
    "Retrieval",
    "RunSettings",
    "SavedHead",
    "Scores",
    "Segmentation",
    "SegmentationSettings",
    "Task",
    "fit_ridge",
    "get_task",
    "given_options",
    "group_options",
    "loadable_tasks",
    "make_settings",
    "option",
    "pooled_rows",
    "ridge_predictions",
    "task_names",
    "to_task",
]
