"""Multi-scale features behind the faces that other libraries' dense heads take."""

from typing import TYPE_CHECKING, Any

from polyscale.encoders.smp import SmpEncoder, smp_encoder
from polyscale.encoders.transformers_backbone import BackboneForm, register, transformers_backbone

if TYPE_CHECKING:
    from polyscale.encoders.transformers_model import TransformersBackbone

__all__ = [
    "BackboneForm",
    "SmpEncoder",
    "TransformersBackbone",
    "register",
    "smp_encoder",
    "transformers_backbone",
]


def __getattr__(name: str) -> Any:
    if name == "TransformersBackbone":  # it imports transformers
        from polyscale.encoders.transformers_model import TransformersBackbone

        return TransformersBackbone
    raise AttributeError(f"module 'polyscale.encoders' has no attribute {name!r}")
