"""Features of many images: extracted once, kept on the disk, verified when they are read."""

from polyscale.features.extract import Feature, extract_maps, extract_pooled, pooled_columns
from polyscale.features.files import one_process, temporary_folder, whole_file, whole_folder
from polyscale.features.keys import (
    decode_side,
    feature_key,
    library_versions,
    live_hash,
    weights_hash,
)
from polyscale.features.limit import parse_bytes
from polyscale.features.maps import (
    ArrayMaps,
    JoinedMaps,
    MapSource,
    RegriddedMaps,
    StackedMaps,
    StandardisedMaps,
    StoredMaps,
    SummedMaps,
    channel_statistics,
    resampling_matrix,
)
from polyscale.features.pictures import remembered
from polyscale.features.store import (
    DamagedFeaturesWarning,
    FeatureStore,
    LostFeaturesError,
    StoreError,
    default_cache,
)
from polyscale.features.usage import Kept, clear, list_kept
from polyscale.features.workers import cpu_workers

__all__ = [
    "ArrayMaps",
    "DamagedFeaturesWarning",
    "Feature",
    "FeatureStore",
    "JoinedMaps",
    "Kept",
    "LostFeaturesError",
    "MapSource",
    "RegriddedMaps",
    "StackedMaps",
    "StandardisedMaps",
    "StoreError",
    "StoredMaps",
    "SummedMaps",
    "channel_statistics",
    "clear",
    "cpu_workers",
    "decode_side",
    "default_cache",
    "extract_maps",
    "extract_pooled",
    "feature_key",
    "library_versions",
    "list_kept",
    "live_hash",
    "one_process",
    "parse_bytes",
    "pooled_columns",
    "remembered",
    "resampling_matrix",
    "temporary_folder",
    "weights_hash",
    "whole_file",
    "whole_folder",
]
