"""Adapters: anything → `Backbone`. One file a family of models."""

from polyscale.backbones.export import export_onnx, export_program
from polyscale.backbones.family import family_of
from polyscale.backbones.model_backbone import ModelBackbone
from polyscale.backbones.options import ReadOptions
from polyscale.backbones.sources import SourceInfo, list_sources, load
from polyscale.backbones.timm_models import adapt_timm
from polyscale.backbones.wrap import as_backbone, wrap

__all__ = [
    "ModelBackbone",
    "ReadOptions",
    "SourceInfo",
    "adapt_timm",
    "as_backbone",
    "export_onnx",
    "export_program",
    "family_of",
    "list_sources",
    "load",
    "wrap",
]
