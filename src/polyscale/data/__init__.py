"""Data sets → (id, image, target)."""

from polyscale.data.classification import ClassificationData, LabelledImages
from polyscale.data.embedded import load_rooms
from polyscale.data.folder import load_folder
from polyscale.data.image import read_image
from polyscale.data.sources import load_classification

__all__ = [
    "ClassificationData",
    "LabelledImages",
    "load_classification",
    "load_folder",
    "load_rooms",
    "read_image",
]
