"""Heads that predict something for every pixel: segmentation and depth."""

from polyscale.learning.heads.dense.registry import DEPTH_HEADS, SEGMENTATION_HEADS, HeadKind
from polyscale.learning.heads.dense.train import DenseHead, Maps, Targets, train_head
from polyscale.learning.training import TrainReport, TrainSettings

__all__ = [
    "DEPTH_HEADS",
    "SEGMENTATION_HEADS",
    "DenseHead",
    "HeadKind",
    "Maps",
    "Targets",
    "TrainReport",
    "TrainSettings",
    "train_head",
]
