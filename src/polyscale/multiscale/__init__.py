"""The operator: image → levels → tiles → backbone → pooled maps (paper, section 3.1)."""

from polyscale.multiscale.features import LevelFeatures, MultiScaleFeatures
from polyscale.multiscale.module import MultiScale
from polyscale.multiscale.precision import Precision, check_precision, fastest_precision
from polyscale.multiscale.preprocess import normalise
from polyscale.multiscale.reference import forward

__all__ = [
    "LevelFeatures",
    "MultiScale",
    "MultiScaleFeatures",
    "Precision",
    "check_precision",
    "fastest_precision",
    "forward",
    "normalise",
]
