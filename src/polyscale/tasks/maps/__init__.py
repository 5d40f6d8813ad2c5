"""What tasks with a target for every pixel share."""

from polyscale.tasks.maps.predictor import DensePredictor
from polyscale.tasks.maps.settings import MapSettings
from polyscale.tasks.maps.task import MapTask

__all__ = ["DensePredictor", "MapSettings", "MapTask"]
