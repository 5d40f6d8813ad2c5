"""How many tiles fit into the memory: measured, not guessed."""

from collections.abc import Callable

import torch

from polyscale.operator.backbones.memory import free_bytes
from polyscale.operator.multiscale.memory import peak_live_bytes

SHARE = 0.5
"""Share of the free memory that a chunk may take; the rest is for the output and for others."""

MOST = {"cuda": 64, "cpu": 8}
"""Beyond it a chunk runs little faster: a GPU is full, a CPU's cache is."""


def fitting_tiles(run: Callable[[int], object], device: torch.device) -> int:
    """Largest power of two of tiles that fits, at most `MOST`.

    Two tiles and then one are run; the difference of their peaks is what a tile needs. The tensors
    are watched from outside, so that the statistics of the device's allocator stay as they are.

    Args:
        run: makes so many tiles and calls the backbone on them.
        device: where it runs.
    """
    if device.type not in MOST:  # nothing runs on the meta device, and others do not tell
        return MOST["cpu"]
    free = free_bytes(device)
    two, one = (peak_live_bytes(lambda num=num: run(num)) for num in (2, 1))  # type: ignore[misc]
    per_tile = max(two - one, 1)
    fitting = int((SHARE * free - (one - per_tile)) // per_tile)
    return 2 ** (max(1, min(fitting, MOST[device.type])).bit_length() - 1)
