"""How many tiles fit into the memory: measured, not guessed."""

from collections.abc import Callable
from pathlib import Path

import psutil
import torch
from torch import Tensor

from polyscale.multiscale.memory import peak_live_bytes
from polyscale.types import HW

SHARE = 0.5
"""Of the free memory that a chunk may take: the rest is for the output, kernels and others."""

MOST = {"cuda": 64, "cpu": 8}
"""Beyond it a chunk runs little faster: a GPU is full, a CPU's cache is."""

CGROUP = Path("/sys/fs/cgroup")


def fitting_tiles(run: Callable[[Tensor], object], tile_hw: HW, device: torch.device) -> int:
    """Largest power of two of tiles that fits, at most `MOST`.

    Two tiles and then one are run; the difference of their peaks is what a tile needs.

    Args:
        run: the backbone, as it will be called.
        tile_hw: size of a tile in pixels.
        device: where it runs.
    """
    if device.type not in MOST:  # nothing runs on the meta device, and others don't tell
        return MOST["cpu"]
    free = free_bytes(device)

    def peak(num: int) -> int:
        # zeros: a model's memory does not depend on what it sees
        return _peak_bytes(lambda: run(torch.zeros(num, 3, *tile_hw, device=device)), device)

    two, one = peak(2), peak(1)
    per_tile = max(two - one, 1)
    fitting = int((SHARE * free - (one - per_tile)) // per_tile)
    return 2 ** (max(1, min(fitting, MOST[device.type])).bit_length() - 1)


def free_bytes(device: torch.device) -> int:
    """Bytes that can still be had on a device, within what this process may use."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return free + unused
    return min(psutil.virtual_memory().available, _left_in_cgroup())


def _left_in_cgroup() -> int:
    """What a container's limit leaves, where there is one."""
    try:
        limit = int((CGROUP / "memory.max").read_text())  # "max" where there is no limit
        return limit - int((CGROUP / "memory.current").read_text())
    except (OSError, ValueError):
        return 2**63


def _peak_bytes(call: Callable[[], object], device: torch.device) -> int:
    if device.type != "cuda":
        return peak_live_bytes(call)
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    call()
    return torch.cuda.max_memory_allocated(device) - before
