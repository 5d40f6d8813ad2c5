"""Running a module for a look, without leaving a trace in it."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(module: object) -> Iterator[None]:
    """Evaluation mode, and afterwards each part in its own mode again.

    In training mode a run would move the statistics of batch norms.
    """
    parts = list(module.modules()) if isinstance(module, nn.Module) else []
    modes = [part.training for part in parts]
    for part in parts:
        part.training = False
    try:
        yield
    finally:
        for part, mode in zip(parts, modes, strict=True):
            part.training = mode
