"""Features of many images, each scale computed once and kept."""

from polyscale.studies.extract.key import decode_side, feature_key, weights_hash
from polyscale.studies.extract.maps import extract_maps
from polyscale.studies.extract.pooled import extract_pooled

__all__ = ["decode_side", "extract_maps", "extract_pooled", "feature_key", "weights_hash"]
