"""Adapters: anything → `Backbone`. One file a family of models."""

from polyscale.backbones.callables import CallableBackbone
from polyscale.backbones.family import family_of
from polyscale.backbones.sources import SourceInfo, list_sources, load
from polyscale.backbones.timm_models import TimmBackbone
from polyscale.backbones.wrap import as_backbone, wrap

__all__ = [
    "CallableBackbone",
    "SourceInfo",
    "TimmBackbone",
    "as_backbone",
    "family_of",
    "list_sources",
    "load",
    "wrap",
]
