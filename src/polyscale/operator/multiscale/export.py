"""The operator, or its backbone alone, for runtimes without this package or without Python."""

from os import PathLike
from typing import cast

import torch
from torch import nn
from torch.export import Dim, ExportedProgram

from polyscale.errors import InputError, first_line, require
from polyscale.operator.backbones import dry_run, zero_tiles
from polyscale.operator.multiscale.module import MultiScale
from polyscale.types import HW, Backbone


def export_program(
    module: MultiScale | Backbone,
    *,
    batch: int | None = None,
    image_hw: HW | None = None,
) -> ExportedProgram:
    """A `torch.export` program of the operator, or of a backbone.

    The operator takes images (batch, channels, h, w) of one fixed size and returns
    `MultiScaleFeatures`. A backbone takes tiles (tiles, channels, tile_h, tile_w), and returns the
    map (tiles, dim, grid_h, grid_w) and the prefix tokens (tiles, prefix, dim).

    Args:
        module: on the CPU; it is exported in evaluation mode.
        batch: images or tiles of every call. None is 1 image for the operator, and any number of
            tiles for a backbone.
        image_hw: size of the images in pixels, for the operator (default: the backbone's own).

    Raises:
        InputError: if it is not a torch module, or does something that cannot be exported.
    """
    whole = isinstance(module, MultiScale)
    backbone = module.backbone if isinstance(module, MultiScale) else module
    if not isinstance(backbone, nn.Module):
        raise InputError(
            f"backbone must be a torch module to be exported, but {backbone.name} is a plain "
            "callable. Export the model that it calls."
        )
    size_hw = (image_hw if whole else None) or backbone.tile_hw
    fixed = batch or (1 if whole else None)
    # two tiles: a size of one would be taken for fixed
    images = zero_tiles(backbone, fixed or 2, backbone.in_channels, size_hw)
    shapes = None if fixed else ({0: Dim.DYNAMIC},)
    try:
        with dry_run(module):
            return torch.export.export(
                cast("nn.Module", module), (images,), dynamic_shapes=shapes, strict=False
            )
    except Exception as error:
        advice = "Look for Python control flow over values in its forward."
        if not fixed and "Constraints violated" in str(error):
            advice = "It fixes the number of tiles: set batch."
        raise InputError(
            f"{backbone.name} must be exportable, but {first_line(error)}. {advice}"
        ) from error


def export_onnx(
    module: MultiScale | Backbone,
    path: str | PathLike[str],
    *,
    batch: int | None = None,
    image_hw: HW | None = None,
) -> None:
    """Write an ONNX file of what `export_program` exports.

    The operator's input is called `images` and its output `tokens`; a backbone's input is called
    `tiles`, its outputs `map` and `prefix`.

    The other arguments are those of `export_program`. Weights beyond 2 GB go into a file beside
    `path`.

    Raises:
        InputError: as `export_program`.
        MissingExtraError: if onnxscript is not installed.
    """
    require("onnxscript", extra="onnx", feature="export_onnx")
    program = export_program(module, batch=batch, image_hw=image_hw)
    whole = isinstance(module, MultiScale)
    exported = torch.onnx.export(
        program,
        input_names=["images" if whole else "tiles"],
        output_names=["tokens"] if whole else ["map", "prefix"],
        dynamo=True,
        verbose=False,
    )
    assert exported is not None
    exported.save(path)
