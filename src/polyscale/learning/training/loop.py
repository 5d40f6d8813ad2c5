"""Train any module such that it may be interrupted at any moment and continues the same.

Every step depends on nothing but the weights, the moments of AdamW and the number of the step:
batches, learning rate and the seed of dropout are pure functions of it. On the CPU of one machine
a resumed training therefore ends with the same bits as one that was never interrupted. On a GPU
some gradients (of bilinear resizing) are summed in no fixed order, and the last digits differ
between any two runs.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from polyscale.errors import RunError
from polyscale.learning.training.batches import READERS, Batch, Batches, read_ahead
from polyscale.learning.training.checkpoint import (
    TrainState,
    resume,
    save_checkpoint,
    training_identity,
)
from polyscale.learning.training.optimiser import TrainSettings, learning_rate, make_optimiser
from polyscale.learning.training.processes import Processes
from polyscale.operator.multiscale.precision import autocast, check_precision
from polyscale.types import Progress, silent

Module = TypeVar("Module", bound=nn.Module)

NUM_LOSSES = 200
"""Largest number of points of the loss curve in a report."""

CHECK_EVERY_S = 0.5
"""Seconds between two checks of the losses: on a GPU each check waits for the device."""

KEEP_EVERY_S = 30.0
"""Most seconds between two checkpoints, whatever the steps: at most this much is lost."""

ADVICE = "Lower the learning rate, clip gradients, or train in fp32."


@dataclass(frozen=True, kw_only=True)
class TrainContext:
    """Where a training runs, what it leaves on the disk, and whom it tells.

    Attributes:
        device: where the module is trained.
        dtype: "fp32", "bf16" or "fp16"; the latter two under autocast, with weights in fp32.
        checkpoint: a file to resume from if it exists; it is written again and again, also after
            the last step.
        fingerprint: of everything that the batches depend on.
        progress: told the completed steps, with the loss as its note.
        step: name of the training in progress and errors.
        watch: told the number of a step, from 0, and the losses from there to the last step; where
            a training continues, first those of all steps before.
        readers: threads that read items of a batch.
        processes: that train together, each with batches of its own share; their device replaces
            `device`. None is this one alone.
    """

    device: str = "cpu"
    dtype: str = "fp32"
    checkpoint: Path | None = None
    fingerprint: str = ""
    progress: Progress = silent
    step: str = "training"
    watch: Callable[[int, Sequence[float]], None] = lambda first, losses: None
    readers: int = READERS
    processes: Processes | None = None


PLAIN = TrainContext()
"""On the CPU, without a checkpoint."""


@dataclass(frozen=True)
class TrainReport:
    """How a training went.

    Attributes:
        losses: over the training, each the mean of equally many steps, at most 200.
        final_loss: mean of the last tenth of the steps.
        seconds: in all, including those before an interruption.
        steps: in all.
        resumed_from: the step at which a checkpoint was resumed; 0 where there was none.
        step_losses: the loss of every step.
    """

    losses: tuple[float, ...]
    final_loss: float
    seconds: float
    steps: int
    resumed_from: int
    step_losses: tuple[float, ...] = field(repr=False)


def train(
    module: Module,
    loss: Callable[[Module, Batch], Tensor],
    batches: Batches[Batch],
    settings: TrainSettings,
    context: TrainContext = PLAIN,
) -> TrainReport:
    """Train a module in place; afterwards it is on the device and in `eval` mode.

    A KeyboardInterrupt stops it within the current step and the items that are being read; the
    last checkpoint stays.

    Args:
        module: with its initial weights.
        loss: module and batch → a scalar with gradients.
        batches: what each step learns from, on the device.
        settings: of the training.
        context: where it runs, and its checkpoint.

    Warns:
        UserWarning: if the checkpoint is damaged or of another training; training starts again.

    Raises:
        RunError: if the loss becomes NaN or infinite, or the disk refuses.
    """
    processes = context.processes or Processes(torch.device(context.device))
    device, precision = processes.device, check_precision(context.dtype)
    module.to(device).train()
    scaler = torch.amp.GradScaler(
        device.type, enabled=precision == "fp16" and device.type == "cuda"
    )
    losses = torch.zeros(settings.steps, device=device)
    state = TrainState(module, make_optimiser(module, settings), scaler, losses)
    identity = training_identity(
        module, settings, dtype=context.dtype, fingerprint=context.fingerprint
    )
    if context.checkpoint:
        resume(context.checkpoint, state, identity)
    processes.check_step(state.steps)
    shared = cast("Module", processes.share(module))
    resumed_from = checked = state.steps
    checked_at = kept_at = monotonic()
    started_at = monotonic() - state.seconds
    context.progress(context.step, state.steps, settings.steps, "steps")
    if resumed_from:
        context.watch(0, losses[:resumed_from].tolist())

    coming = read_ahead(batches, range(state.steps, settings.steps), context.readers)
    with torch.random.fork_rng([device] if device.type == "cuda" else []), closing(coming):
        for number, batch in coming:
            torch.manual_seed(_step_seed(settings.seed, number, processes.rank))
            state.optimiser.zero_grad(set_to_none=True)
            with autocast(device, precision):
                value = loss(shared, batch)
            _update(state, value, learning_rate(number, settings), settings.clip_norm)
            losses[number] = processes.mean(value.detach())
            state.steps = number + 1
            keep = (
                state.steps % settings.checkpoint_every == 0
                or state.steps == settings.steps
                or monotonic() - kept_at > KEEP_EVERY_S
            )
            if keep or monotonic() - checked_at > CHECK_EVERY_S:
                recent = _recent_losses(state, checked, context.step)
                context.watch(checked, recent)
                checked, checked_at = state.steps, monotonic()
                note = f"loss {np.mean(recent):.4g}"
                context.progress(context.step, checked, settings.steps, "steps", note=note)
            if keep:
                _check_weights(state, context.step)
                if context.checkpoint and processes.rank == 0:
                    state.seconds = monotonic() - started_at
                    save_checkpoint(context.checkpoint, state, identity)
                kept_at = monotonic()
    module.eval()
    return _report(losses, monotonic() - started_at, resumed_from)


def _update(state: TrainState, loss: Tensor, rate: float, clip_norm: float | None) -> None:
    """One step of the optimiser, from the loss."""
    optimiser, scaler = state.optimiser, state.scaler
    for group in optimiser.param_groups:
        group["lr"] = rate
    scaler.scale(loss).backward()
    if clip_norm is not None:
        scaler.unscale_(optimiser)
        nn.utils.clip_grad_norm_(state.module.parameters(), clip_norm)
    scaler.step(optimiser)
    scaler.update()


def _recent_losses(state: TrainState, since: int, step: str) -> list[float]:
    """The losses of the steps since the last check, if all are finite."""
    losses = state.losses[since : state.steps].cpu()
    if not losses.isfinite().all():
        first = int(torch.nonzero(~losses.isfinite())[0])
        raise RunError(
            f"{step}: the loss is {float(losses[first])} at step {since + first + 1} of "
            f"{len(state.losses)}. {ADVICE}"
        )
    return losses.tolist()


def _check_weights(state: TrainState, step: str) -> None:
    """A loss may be finite and its gradients not; no checkpoint keeps what they leave behind."""
    if not all(bool(parameter.isfinite().all()) for parameter in state.module.parameters()):
        raise RunError(f"{step}: weights are NaN or infinite after step {state.steps}. {ADVICE}")


def _step_seed(seed: int, step: int, rank: int) -> int:
    """Random numbers of a step are independent of those of other steps, seeds and processes."""
    numbers = [seed, step, rank] if rank else [seed, step]
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])


def _report(losses: Tensor, seconds: float, resumed_from: int) -> TrainReport:
    values = losses.cpu().double().numpy()
    parts = np.array_split(values, min(NUM_LOSSES, len(values)))
    return TrainReport(
        losses=tuple(float(part.mean()) for part in parts),
        final_loss=float(values[-max(1, len(values) // 10) :].mean()),
        seconds=seconds,
        steps=len(values),
        resumed_from=resumed_from,
        step_losses=tuple(values.tolist()),
    )
