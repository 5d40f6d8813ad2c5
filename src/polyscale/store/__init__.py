"""Features on disk: write, resume, read, make room."""

from polyscale.store.features import FeatureStore, StoreError, default_cache
from polyscale.store.files import whole_file
from polyscale.store.limit import parse_bytes
from polyscale.store.maps import ArrayMaps, JoinedMaps, MapSource, StoredMaps, SummedMaps
from polyscale.store.regrid import RegriddedMaps

__all__ = [
    "ArrayMaps",
    "FeatureStore",
    "JoinedMaps",
    "MapSource",
    "RegriddedMaps",
    "StoreError",
    "StoredMaps",
    "SummedMaps",
    "default_cache",
    "parse_bytes",
    "whole_file",
]
