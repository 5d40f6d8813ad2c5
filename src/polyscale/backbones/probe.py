"""Running a model once to see what it gives, instead of asking the user."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from polyscale.errors import InputError, first_line
from polyscale.types import HW

T = TypeVar("T")


def probe(
    model: Callable[[Tensor], T], tile_hw: HW, *, like: nn.Module | None, name: str = "that"
) -> T:
    """The model's output for one grey tile; nothing is learnt from it.

    Args:
        model: what is called.
        tile_hw: size of the tile, in pixels.
        like: module whose device and dtype the tile takes, and which is put into evaluation mode
            for the call, so that batch statistics stay as they are.
        name: of the model, for the error.

    Raises:
        InputError: if the model fails on the tile.
    """
    parameter = next(like.parameters(), None) if like is not None else None
    tile = torch.zeros(1, 3, *tile_hw)
    if parameter is not None:
        tile = tile.to(parameter.device, parameter.dtype)
    training = [m for m in like.modules() if m.training] if like is not None else []
    try:
        for module in training:
            module.training = False
        with torch.no_grad():
            return model(tile)
    except (InputError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise InputError(
            f"model {name} must take a tile (1, 3, {tile_hw[0]}, {tile_hw[1]}), but fails on it: "
            f"{first_line(error)}. Check tile_hw."
        ) from error
    finally:
        for module in training:
            module.training = True
