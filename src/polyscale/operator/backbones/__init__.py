"""Adapters: anything → `Backbone`. One file a family of models, and one reader for all."""

from polyscale.operator.backbones.dry_run import (
    dry_run,
    is_trained,
    model_dtype_device,
    zero_tiles,
)
from polyscale.operator.backbones.loading import freeze
from polyscale.operator.backbones.memory import free_bytes
from polyscale.operator.backbones.model_backbone import ModelBackbone
from polyscale.operator.backbones.modules import num_params
from polyscale.operator.backbones.options import Layers, ReadOptions
from polyscale.operator.backbones.random_weights import with_random_weights
from polyscale.operator.backbones.sources import (
    SourceInfo,
    as_backbone,
    list_sources,
    load,
    load_source,
    read_size,
    split_tile,
)
from polyscale.operator.backbones.timm_models import adapt_timm

__all__ = [
    "Layers",
    "ModelBackbone",
    "ReadOptions",
    "SourceInfo",
    "adapt_timm",
    "as_backbone",
    "dry_run",
    "free_bytes",
    "freeze",
    "is_trained",
    "list_sources",
    "load",
    "load_source",
    "model_dtype_device",
    "num_params",
    "read_size",
    "split_tile",
    "with_random_weights",
    "zero_tiles",
]
