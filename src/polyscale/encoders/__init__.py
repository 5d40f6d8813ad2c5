"""Multi-scale features behind the faces that other libraries' dense heads take."""

from polyscale.encoders.smp import SmpEncoder, smp_encoder
from polyscale.encoders.transformers_backbone import (
    BackboneForm,
    TransformersBackbone,
    transformers_backbone,
)

__all__ = [
    "BackboneForm",
    "SmpEncoder",
    "TransformersBackbone",
    "smp_encoder",
    "transformers_backbone",
]
