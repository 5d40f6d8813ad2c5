"""Features on disk: write, resume, read, make room."""

from polyscale.store.features import FeatureStore, StoreError, default_cache
from polyscale.store.limit import parse_bytes

__all__ = ["FeatureStore", "StoreError", "default_cache", "parse_bytes"]
