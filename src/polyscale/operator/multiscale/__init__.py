"""The operator: image → levels → tiles → backbone → pooled maps (paper, section 3.1)."""

from polyscale.operator.multiscale.call import Prepared
from polyscale.operator.multiscale.config import MultiScaleConfig
from polyscale.operator.multiscale.export import export_onnx, export_program
from polyscale.operator.multiscale.features import MultiScaleFeatures, PartFeatures
from polyscale.operator.multiscale.inputs import Images
from polyscale.operator.multiscale.module import MultiScale
from polyscale.operator.multiscale.picture import Picture, Preprocess
from polyscale.operator.multiscale.pooling import area_matrix
from polyscale.operator.multiscale.precision import Precision, fastest_precision
from polyscale.operator.multiscale.reference import forward
from polyscale.operator.multiscale.runner import check_device
from polyscale.operator.multiscale.wrap import wrap

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
    "export_onnx",
    "export_program",
    "fastest_precision",
    "forward",
    "wrap",
]
