"""The operator: image → levels → tiles → backbone → pooled maps (paper, section 3.1)."""

from polyscale.multiscale.chunks import check_device
from polyscale.multiscale.config import MultiScaleConfig
from polyscale.multiscale.equal_width import EqualWidth, fit_equal_width
from polyscale.multiscale.features import LevelFeatures, MultiScaleFeatures
from polyscale.multiscale.module import MultiScale, Prepared
from polyscale.multiscale.picture import Picture
from polyscale.multiscale.precision import Precision, check_precision, fastest_precision
from polyscale.multiscale.reference import forward

__all__ = [
    "EqualWidth",
    "LevelFeatures",
    "MultiScale",
    "MultiScaleConfig",
    "MultiScaleFeatures",
    "Picture",
    "Precision",
    "Prepared",
    "check_device",
    "check_precision",
    "fastest_precision",
    "fit_equal_width",
    "forward",
]
