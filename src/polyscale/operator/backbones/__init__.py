"""Adapters: anything → `Backbone`. One file a family of models, and one reader for all."""

from polyscale.operator.backbones.adapt import as_backbone
from polyscale.operator.backbones.dry_run import (
    dry_run,
    is_trained,
    model_dtype_device,
    probe,
    zero_tiles,
)
from polyscale.operator.backbones.loading import freeze
from polyscale.operator.backbones.model_backbone import ModelBackbone
from polyscale.operator.backbones.options import Layers, ReadOptions
from polyscale.operator.backbones.sources import SourceInfo, list_sources, load, load_source
from polyscale.operator.backbones.timm_models import adapt_timm

__all__ = [
    "Layers",
    "ModelBackbone",
    "ReadOptions",
    "SourceInfo",
    "adapt_timm",
    "as_backbone",
    "dry_run",
    "freeze",
    "is_trained",
    "list_sources",
    "load",
    "load_source",
    "model_dtype_device",
    "probe",
    "zero_tiles",
]
