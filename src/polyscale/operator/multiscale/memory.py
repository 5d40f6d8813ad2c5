"""Memory: what a call takes, and how many tiles fit."""

from collections.abc import Callable, Iterable
from typing import Any
from weakref import finalize

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from polyscale.operator.backbones.memory import free_bytes

SHARE = 0.5
"""Share of the free memory that a chunk may take; the rest is for the output and for others."""

MOST = 64
"""Beyond it a chunk runs little faster: a GPU is full, and the cost of a call is shared."""

CPU_CACHE = 4 * 2**20
"""Bytes of a chunk that stay in the cache of a CPU core, about; more only fetch from memory."""

CPU_MOST = 8
"""On a CPU, of tiles so large that a chunk of them does not fit its cache."""


def fitting_tiles(run: Callable[[int], object], device: torch.device) -> int:
    """Largest power of two of tiles that fits and gains speed.

    Two tiles and then one are run; the difference of their peaks is what a tile needs. `run` makes
    so many tiles and calls the backbone on them.
    """
    if device.type not in ("cuda", "cpu", "meta"):  # others do not tell what is free
        return CPU_MOST
    free = free_bytes(device)
    two, one = (peak_live_bytes(lambda num=num: run(num)) for num in (2, 1))  # type: ignore[misc]
    per_tile = max(two - one, 1)
    fitting = int((SHARE * free - (one - per_tile)) // per_tile)
    most = MOST if device.type == "cuda" else min(MOST, max(CPU_MOST, CPU_CACHE // per_tile))
    return 2 ** (max(1, min(fitting, most)).bit_length() - 1)


def peak_live_bytes(call: Callable[[], object], *, held: Iterable[Tensor] = ()) -> int:
    """Largest sum of the bytes of all tensors alive at once during a call, on any device.

    Every tensor that an operation makes is watched from outside: workspace inside a kernel and the
    allocator's reserve don't count, and the allocator's statistics stay as they are.

    Args:
        call: what is watched.
        held: tensors alive before, that count as well (parameters, inputs).
    """
    mode = _LiveBytes()
    for tensor in held:
        mode.watch(tensor)
    with mode:
        call()
    return mode.peak


class _LiveBytes(TorchDispatchMode):
    """Adds up storages as they appear and takes them off when they die."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self._live = 0
        self._seen: set[int] = set()

    def watch(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self._seen:
            return
        self._seen.add(key)
        self._live += size
        self.peak = max(self.peak, self._live)
        finalize(storage, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self._live -= size

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, Tensor):
                self.watch(leaf)
        return out
