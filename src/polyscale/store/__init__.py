"""Features on disk: write, resume, read."""

from polyscale.store.features import FeatureStore, default_cache

__all__ = ["FeatureStore", "default_cache"]
