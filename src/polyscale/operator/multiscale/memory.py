"""Peak memory, the same on every device: the largest sum of tensors alive at once."""

from collections.abc import Callable, Iterable
from typing import Any
from weakref import finalize

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def peak_live_bytes(call: Callable[[], object], *, held: Iterable[Tensor] = ()) -> int:
    """Largest sum of the bytes of all tensors alive at once during a call.

    Counted by watching every tensor that an operation makes, from outside: workspace inside a
    kernel and the allocator's reserve don't count.

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
            if isinstance(leaf, torch.Tensor):
                self.watch(leaf)
        return out
