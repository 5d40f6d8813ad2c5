"""Running a model once to see what it gives, instead of asking the user."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from polyscale.types import HW


def probe(model: Callable[[Tensor], object], tile_hw: HW, *, like: nn.Module | None) -> object:
    """The model's output for one grey tile; nothing is learnt from it.

    Args:
        model: what is called.
        tile_hw: size of the tile, in pixels.
        like: module whose device and dtype the tile takes, and which is put into evaluation mode
            for the call, so that batch statistics stay as they are.
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
    finally:
        for module in training:
            module.training = True
