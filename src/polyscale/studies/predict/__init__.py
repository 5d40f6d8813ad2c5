"""A trained head, and the backbone that it was trained on, for any picture."""

from polyscale.studies.predict.acting import act_in_scenes, check_episodes
from polyscale.studies.predict.files import PredictedFiles, predict_files
from polyscale.studies.predict.loading import Predictor, load_predictor
from polyscale.studies.predict.thresholds import threshold_table

__all__ = [
    "PredictedFiles",
    "Predictor",
    "act_in_scenes",
    "check_episodes",
    "load_predictor",
    "predict_files",
    "threshold_table",
]
