"""Several processes that train one module together, by `accelerate`.

Each process takes its share of every batch, and gradients are averaged over the processes before
each step, so that all of them hold the same weights. `accelerate launch` or `torchrun` starts them.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from polyscale.errors import InputError, RunError, require
from polyscale.operator.multiscale.runner import check_device


@dataclass(frozen=True)
class Processes:
    """This process among those that train together.

    Attributes:
        device: where this process trains.
        accelerator: of `accelerate`; None where there is one process.
    """

    device: torch.device
    accelerator: Any = None

    @property
    def count(self) -> int:
        """How many there are."""
        return 1 if self.accelerator is None else int(self.accelerator.num_processes)

    @property
    def rank(self) -> int:
        """Number of this one, from 0; the first writes files and tells progress."""
        return 0 if self.accelerator is None else int(self.accelerator.process_index)

    def share(self, module: nn.Module) -> Callable[..., Any]:
        """The module as it is called: its gradients become means over all processes.

        The weights of the first process are those of all.
        """
        return module if self.accelerator is None else self.accelerator.prepare_model(module)

    def mean(self, value: Tensor) -> Tensor:
        """The mean of a tensor over all processes."""
        return value if self.accelerator is None else self.accelerator.reduce(value, "mean")

    def check_step(self, step: int) -> None:
        """Refuse to begin where processes have found different checkpoints.

        Raises:
            RunError: in every process.
        """
        if self.accelerator is not None:
            steps = self.accelerator.gather(torch.tensor([step], device=self.device)).tolist()
            if len(set(steps)) > 1:
                raise RunError(
                    f"all processes must begin at the same step, but begin at {steps}. Put the "
                    "folder of the training on a disk that all of them share."
                )

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.accelerator is not None:
            self.accelerator.wait_for_everyone()

    def share_of(self, batch: int) -> int:
        """Examples of each batch that this process takes.

        Raises:
            InputError: if they cannot be divided evenly.
        """
        if batch % self.count:
            raise InputError(
                f"batch must be a multiple of the {self.count} processes, but got {batch}. "
                f"Try {-(-batch // self.count) * self.count}."
            )
        return batch // self.count


def join_processes(device: str) -> Processes:
    """This process, alone or among those that a launcher started.

    Args:
        device: `cpu`, `cuda` or `auto`; of several processes on GPUs, each gets its own.

    Raises:
        InputError: if torch cannot use the device.
        MissingExtraError: if there are several processes, and `accelerate` is not installed.
    """
    chosen = check_device(device)
    if not is_launched():
        return Processes(chosen)
    require("accelerate", extra="pretrain", feature="training in several processes")
    from accelerate import Accelerator, DistributedDataParallelKwargs

    # models may have parts that features do not pass through, such as the norm of a classifier
    options = DistributedDataParallelKwargs(find_unused_parameters=True)
    accelerator = Accelerator(cpu=chosen.type == "cpu", kwargs_handlers=[options])
    return Processes(accelerator.device, accelerator)


def is_first() -> bool:
    """Whether this process is the one that writes and prints."""
    return int(os.environ.get("RANK", "0")) == 0


def is_launched() -> bool:
    """Whether a launcher has started this process as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1
