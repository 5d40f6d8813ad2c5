"""The tiles of one call, split over the processes of `torch.distributed`."""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from polyscale.errors import InputError


def rank_and_count() -> tuple[int, int]:
    """This process among those of the default group.

    Raises:
        InputError: if there is no process group.
    """
    if not (dist.is_available() and dist.is_initialized()):
        raise InputError(
            "distributed must be False where there is no process group, but got True. Start the "
            "processes with torchrun and call torch.distributed.init_process_group() first."
        )
    return dist.get_rank(), dist.get_world_size()


def sum_over_ranks(tensor: Tensor) -> Tensor:
    """The sum of a tensor over all processes, and in the backward pass that of its gradients.

    Every process has its own copy of the loss then. Gradients averaged over the processes, as
    `DistributedDataParallel` does, are those of one process.
    """
    return _Sum.apply(tensor)


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        total = tensor.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return sum_over_ranks(grads[0])
