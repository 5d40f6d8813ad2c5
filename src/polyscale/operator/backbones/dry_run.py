"""Running a model to inspect it, without changing it."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from threading import RLock

import torch
from torch import Tensor, nn

from polyscale.types import HW

_ONE_AT_A_TIME = RLock()
"""Two threads that try one model would otherwise each restore the other's evaluation mode."""


@contextmanager
def dry_run(module: object) -> Iterator[None]:
    """Evaluation mode without gradients, and afterwards each part in its own mode again.

    In training mode a run would change the statistics of batch norms. Inference mode is switched
    off as well, because its tensors could never take part in a backward pass.
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
    """Data type and device of a model's first floating-point parameter, or else buffer.

    Anything without one computes in float32 on the CPU.

    >>> model_dtype_device(torch.nn.Linear(2, 2).double())
    (torch.float64, device(type='cpu'))
    """
    if isinstance(module, nn.Module):
        for tensor in chain(module.parameters(), module.buffers()):
            if tensor.is_floating_point():
                return tensor.dtype, _device_of(module, tensor)
    return torch.float32, torch.device("cpu")


def _device_of(module: nn.Module, tensor: Tensor) -> torch.device:
    """Where a model runs, also if accelerate brings its weights there only for each call."""
    if tensor.is_meta:
        for part in module.modules():
            device = getattr(getattr(part, "_hf_hook", None), "execution_device", None)
            if device is not None:
                return torch.device(device)
    return tensor.device


def is_trained(module: object) -> bool:
    """Whether any parameter of a module takes a gradient; anything else has none."""
    return isinstance(module, nn.Module) and any(p.requires_grad for p in module.parameters())


def zero_tiles(module: object, num: int, in_channels: int, tile_hw: HW) -> Tensor:
    """Tiles of zeros (num, in_channels, h, w), in the data type and on the device of a model."""
    dtype, device = model_dtype_device(module)
    return torch.zeros(num, in_channels, *tile_hw, dtype=dtype, device=device)
