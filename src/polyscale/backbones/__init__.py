"""Adapters: anything → `Backbone`. One file a family of models, and one reader for all."""

from polyscale.backbones.adapt import as_backbone
from polyscale.backbones.dry_run import dry_run, model_dtype_device, probe
from polyscale.backbones.export import export_onnx, export_program
from polyscale.backbones.family import family_of
from polyscale.backbones.loading import freeze
from polyscale.backbones.model_backbone import ModelBackbone
from polyscale.backbones.options import ReadOptions
from polyscale.backbones.sources import SourceInfo, list_sources, load, load_source
from polyscale.backbones.timm_models import adapt_timm
from polyscale.backbones.wrap import wrap

__all__ = [
    "ModelBackbone",
    "ReadOptions",
    "SourceInfo",
    "adapt_timm",
    "as_backbone",
    "dry_run",
    "export_onnx",
    "export_program",
    "family_of",
    "freeze",
    "list_sources",
    "load",
    "load_source",
    "model_dtype_device",
    "probe",
    "wrap",
]
