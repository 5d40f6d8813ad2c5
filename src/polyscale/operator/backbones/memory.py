"""Memory that is free, and operations that would need more of it."""

from pathlib import Path
from typing import Any

import psutil
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from polyscale.errors import InputError

CGROUP = Path("/sys/fs/cgroup")


def free_bytes(device: torch.device) -> int:
    """Bytes that this process can still allocate on a device."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return free + unused
    return min(psutil.virtual_memory().available, _free_bytes_in_cgroup())


def _free_bytes_in_cgroup() -> int:
    """What the limit of a container leaves, where there is one."""
    try:
        limit = int((CGROUP / "memory.max").read_text())  # "max" where there is no limit
        return limit - int((CGROUP / "memory.current").read_text())
    except (OSError, ValueError):
        return 2**63


class MemoryGuard(TorchDispatchMode):
    """Refuses an operation whose result alone is larger than the free memory, before it is run.

    Each operation is run on the meta device first. One that cannot be run there is let through.
    """

    def __init__(self, device: torch.device, name: str) -> None:
        super().__init__()
        self._name = name
        self._free_bytes = 2**63 if device.type == "meta" else free_bytes(device)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        for tensor in _new_tensors_on_meta(func, args, kwargs):
            num_bytes = tensor.untyped_storage().nbytes()
            if num_bytes > self._free_bytes:
                raise InputError(
                    f"model {self._name} must fit into memory, but computes a tensor "
                    f"{tuple(tensor.shape)} of {num_bytes / 2**30:.1f} GiB where "
                    f"{self._free_bytes / 2**30:.1f} GiB are free. Use smaller tiles, or wrap a "
                    "function that returns a smaller map."
                )
        return func(*args, **kwargs)


def _new_tensors_on_meta(func: Any, args: Any, kwargs: Any) -> list[Tensor]:
    """What the operation would allocate; nothing where shapes alone do not tell."""
    try:
        args, kwargs = tree_map(_on_meta, (args, kwargs))
        given = {t.untyped_storage()._cdata for t in _tensors((args, kwargs))}
        results = _tensors(func(*args, **kwargs))
        return [t for t in results if t.untyped_storage()._cdata not in given]
    except Exception:  # whatever an operation raises that needs values
        return []


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _on_meta(value: Any) -> Any:
    if isinstance(value, Tensor):
        return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device="meta")
    return torch.device("meta") if isinstance(value, torch.device) else value
