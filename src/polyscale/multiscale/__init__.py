"""The operator: image → levels → tiles → backbone → pooled maps (paper, section 3.1)."""

from polyscale.multiscale.call import Prepared
from polyscale.multiscale.config import MultiScaleConfig
from polyscale.multiscale.export import export_onnx, export_program
from polyscale.multiscale.features import MultiScaleFeatures, PartFeatures
from polyscale.multiscale.inputs import Images
from polyscale.multiscale.module import MultiScale
from polyscale.multiscale.picture import Picture, Preprocess
from polyscale.multiscale.pooling import area_matrix
from polyscale.multiscale.precision import Precision, check_precision, fastest_precision
from polyscale.multiscale.reference import forward
from polyscale.multiscale.runner import check_device
from polyscale.multiscale.wrap import wrap

__all__ = [
    "Images",
    "MultiScale",
    "MultiScaleConfig",
    "MultiScaleFeatures",
    "PartFeatures",
    "Picture",
    "Precision",
    "Prepared",
    "Preprocess",
    "area_matrix",
    "check_device",
    "check_precision",
    "export_onnx",
    "export_program",
    "fastest_precision",
    "forward",
    "wrap",
]
