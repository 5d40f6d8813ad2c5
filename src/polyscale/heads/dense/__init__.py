"""Heads that say something of every pixel: segmentation and depth."""

from polyscale.heads.dense.head import DenseHead, Maps, Targets
from polyscale.heads.dense.registry import DEPTH_HEADS, SEGMENTATION_HEADS, HeadKind
from polyscale.heads.dense.settings import TrainSettings
from polyscale.heads.dense.train import TrainReport, train_head

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
