"""What all encoders take."""

from polyscale.errors import InputError
from polyscale.operator.multiscale import MultiScale
from polyscale.types import Backbone


def as_multiscale(multiscale: MultiScale | Backbone) -> MultiScale:
    """A `MultiScale` as it is; a backbone at scale 1 and frozen.

    Raises:
        InputError: if it is neither.
    """
    if isinstance(multiscale, MultiScale):
        return multiscale
    if not isinstance(multiscale, Backbone):
        raise InputError(
            "multiscale must be a MultiScale or a Backbone, but got "
            f"{type(multiscale).__name__}. Make one with polyscale.wrap."
        )
    return MultiScale(multiscale, scales=(1,), frozen=True)
