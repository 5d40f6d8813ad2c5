"""Running a model for a look, without leaving a trace in it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from threading import RLock
from typing import TypeVar

import torch
from torch import Tensor, nn

from polyscale.errors import InputError, first_line
from polyscale.operator.backbones.memory import MemoryGuard
from polyscale.types import HW

T = TypeVar("T")

_ONE_AT_A_TIME = RLock()
"""Or two threads that try one model would each take the other's evaluation mode for its own."""


@contextmanager
def dry_run(module: object) -> Iterator[None]:
    """Evaluation mode without gradients, and afterwards each part in its own mode again.

    In training mode a run would move the statistics of batch norms. Inference mode is switched off
    as well, because its tensors could never take part in a backward pass.

    Args:
        module: the module that is going to run; anything else has no mode to change.
    """
    parts = list(module.modules()) if isinstance(module, nn.Module) else []
    with _ONE_AT_A_TIME:
        modes = [part.training for part in parts]
        for part in parts:
            part.training = False
        try:
            with torch.inference_mode(False), torch.no_grad():
                yield
        finally:
            for part, mode in zip(parts, modes, strict=True):
                part.training = mode


def model_dtype_device(module: object) -> tuple[torch.dtype, torch.device]:
    """Data type and device of what a model computes with.

    Args:
        module: the model. Its first floating-point parameter decides, or its first floating-point
            buffer if it has no such parameter. Otherwise the answer is float32 on the CPU.

    >>> model_dtype_device(torch.nn.Linear(2, 2).double())
    (torch.float64, device(type='cpu'))
    """
    if isinstance(module, nn.Module):
        for tensor in chain(module.parameters(), module.buffers()):
            if tensor.is_floating_point():
                return tensor.dtype, tensor.device
    return torch.float32, torch.device("cpu")


def is_trained(module: object) -> bool:
    """Whether any parameter of a module takes a gradient; anything else has none."""
    return isinstance(module, nn.Module) and any(p.requires_grad for p in module.parameters())


def zero_tiles(module: object, num: int, in_channels: int, tile_hw: HW) -> Tensor:
    """Tiles of zeros (num, in_channels, h, w), in the data type and on the device of a model."""
    dtype, device = model_dtype_device(module)
    return torch.zeros(num, in_channels, *tile_hw, dtype=dtype, device=device)


def probe(
    call: Callable[[Tensor], T],
    tile_hw: HW,
    *,
    module: nn.Module | None,
    in_channels: int = 3,
    name: str = "that",
) -> T:
    """What a model gives for one tile of zeros; a compiled model runs without being compiled.

    Args:
        call: what is called with the tile.
        tile_hw: size of the tile in pixels.
        module: whose data type and device the tile has, and which `dry_run` protects.
        in_channels: channels of the tile.
        name: of the model, for the error.

    Raises:
        InputError: if the model fails on the tile.
    """
    _, device = model_dtype_device(module)
    guard = MemoryGuard(device, name)
    try:
        with dry_run(module), torch.compiler.set_stance("force_eager"), guard:
            return call(zero_tiles(module, 1, in_channels, tile_hw))
    except (InputError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise InputError(
            f"model {name} must take a tile {(1, in_channels, *tile_hw)}, but fails on it: "
            f"{first_line(error)}. Check tile_hw and in_channels."
        ) from error
