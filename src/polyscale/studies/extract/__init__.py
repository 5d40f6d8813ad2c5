"""Features of many images, each scale computed once and kept."""

from polyscale.studies.extract.key import decode_side, weights_hash
from polyscale.studies.extract.pooled import extract_pooled

__all__ = ["decode_side", "extract_pooled", "weights_hash"]
