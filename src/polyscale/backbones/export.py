"""The tile function on its own, for runtimes without this package or without Python."""

from os import PathLike

import torch
from torch import nn
from torch.export import Dim, ExportedProgram

from polyscale.errors import InputError, first_line, require
from polyscale.multiscale.modes import evaluating
from polyscale.types import Backbone


def export_program(backbone: Backbone, *, num_tiles: int | None = None) -> ExportedProgram:
    """The tile function as a `torch.export` program.

    It takes tiles (tiles, 3, tile_h, tile_w), and returns the map (tiles, dim, grid_h, grid_w) and
    the prefix tokens (tiles, prefix, dim).

    Args:
        backbone: on the CPU; it is exported in evaluation mode.
        num_tiles: of every call; None for any number.

    Raises:
        InputError: if it is no module, or does something that cannot be exported.
    """
    if not isinstance(backbone, nn.Module):
        raise InputError(
            f"backbone must be a torch module to be exported, but {backbone.name} is a plain "
            "callable. Export the model that it calls."
        )
    # two tiles: a size of one would be taken for fixed
    tiles = torch.zeros(num_tiles or 2, 3, *backbone.tile_hw)
    shapes = None if num_tiles else ({0: Dim("tiles")},)
    try:
        with evaluating(backbone), torch.no_grad():
            return torch.export.export(backbone, (tiles,), dynamic_shapes=shapes, strict=False)
    except Exception as error:
        advice = "Look for Python control flow over values in its forward."
        if not num_tiles and "Constraints violated" in str(error):
            advice = "It fixes the number of tiles: set num_tiles."
        raise InputError(
            f"backbone {backbone.name} cannot be exported: {first_line(error)}. {advice}"
        ) from error


def export_onnx(
    backbone: Backbone, path: str | PathLike[str], *, num_tiles: int | None = None
) -> None:
    """Write the tile function as an ONNX file, as `export_program` has it.

    Its input is called `tiles`, its outputs `map` and `prefix`.

    Args:
        backbone: as for `export_program`.
        path: of the file; weights beyond 2 GB go into a file beside it.
        num_tiles: of every call; None for any number.

    Raises:
        InputError: as `export_program`.
        MissingExtraError: if onnxscript is not installed.
    """
    require("onnxscript", extra="onnx", feature="export_onnx")
    program = export_program(backbone, num_tiles=num_tiles)
    exported = torch.onnx.export(
        program, input_names=["tiles"], output_names=["map", "prefix"], dynamo=True, verbose=False
    )
    assert exported is not None
    exported.save(path)
