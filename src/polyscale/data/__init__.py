"""Data sets → (id, image, target)."""

from polyscale.data.classification import ClassificationData, LabelledImages
from polyscale.data.dense import IGNORED, DenseData, DenseImages, DepthData, SegmentationData
from polyscale.data.dense.sources import load_depth, load_segmentation
from polyscale.data.embedded import load_rooms
from polyscale.data.folder import load_folder
from polyscale.data.image import read_image
from polyscale.data.inspection_cache import default_inspection_cache
from polyscale.data.report import DataReport, NearDuplicate, Unreadable
from polyscale.data.sources import load_classification

__all__ = [
    "IGNORED",
    "ClassificationData",
    "DataReport",
    "DenseData",
    "DenseImages",
    "DepthData",
    "LabelledImages",
    "NearDuplicate",
    "SegmentationData",
    "Unreadable",
    "default_inspection_cache",
    "load_classification",
    "load_depth",
    "load_folder",
    "load_rooms",
    "load_segmentation",
    "read_image",
]
