"""Train any module, such that it may be interrupted at any moment and continues the same.

Every step depends on nothing but the weights, the moments of AdamW and the step's number: batches,
learning rate and the seed of dropout are pure functions of it. On one machine's CPU a resumed
training therefore ends with the same bits as one that was never interrupted. On a GPU some
gradients (of bilinear resizing) are summed in no fixed order, and the last digits differ between
any two runs.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from polyscale.errors import RunError
from polyscale.learning.training.batches import Batch, Batches, read_ahead
from polyscale.learning.training.checkpoint import (
    Completed,
    TrainState,
    resume,
    save_checkpoint,
    training_identity,
)
from polyscale.learning.training.optimiser import TrainSettings, learning_rate, make_optimiser
from polyscale.operator.multiscale.precision import autocast, check_precision
from polyscale.types import Progress, silent

Module = TypeVar("Module", bound=nn.Module)

NUM_LOSSES = 200
"""Most points of the loss curve in a report."""

CHECK_EVERY_S = 0.5
"""Seconds between two looks at the losses: on a GPU each look waits for the device."""

KEEP_EVERY_S = 30.0
"""Most seconds between two checkpoints, whatever the steps: so much may be lost."""

ADVICE = "Lower the learning rate, clip gradients, or train in fp32."


@dataclass(frozen=True)
class TrainReport:
    """How a training went.

    Attributes:
        losses: over the training, each the mean of equally many steps, at most 200.
        final_loss: mean of the last tenth of the steps.
        seconds: in all, those before an interruption included.
        steps: in all.
        resumed_from: the step at which a checkpoint was resumed; 0 where there was none.
    """

    losses: tuple[float, ...]
    final_loss: float
    seconds: float
    steps: int
    resumed_from: int


def train(
    module: Module,
    loss: Callable[[Module, Batch], Tensor],
    batches: Batches[Batch],
    settings: TrainSettings,
    *,
    device: str = "cpu",
    dtype: str = "fp32",
    checkpoint: Path | None = None,
    fingerprint: str = "",
    progress: Progress = silent,
    step: str = "training",
) -> TrainReport:
    """Train a module in place; afterwards it is on the device and in `eval` mode.

    A KeyboardInterrupt stops it within the step and the items that are being read; the last
    checkpoint stays.

    Args:
        module: with its initial weights.
        loss: module and batch → a scalar with gradients.
        batches: what each step learns from, on the device.
        settings: of the training.
        device: where the module is trained.
        dtype: "fp32", "bf16" or "fp16"; the latter two under autocast, with weights in fp32.
        checkpoint: a file to resume from if it exists; it is written again and again, also after
            the last step.
        fingerprint: of everything that the batches depend on.
        progress: told the steps that are done, with the loss as its note.
        step: how progress and errors call the training.

    Warns:
        UserWarning: if the checkpoint is damaged or of another training; training begins anew.

    Raises:
        RunError: if the loss becomes NaN or infinite, or the disk refuses.
    """
    where, precision = torch.device(device), check_precision(dtype)
    module.to(where).train()
    scaled = precision == "fp16" and where.type == "cuda"
    scaler = torch.amp.GradScaler(where.type, enabled=scaled)
    state = TrainState(module, make_optimiser(module, settings), scaler)
    identity = training_identity(module, settings, dtype=dtype, fingerprint=fingerprint)
    before = resume(checkpoint, state, identity) if checkpoint else None
    before = before or Completed(0, torch.empty(0), 0.0)
    began, kept_at = monotonic() - before.seconds, monotonic()
    record = _LossRecord(before.losses, settings.steps, where, step)
    progress(step, before.steps, settings.steps, "steps")

    cuda = [where] if where.type == "cuda" else []
    coming = read_ahead(batches, range(before.steps, settings.steps))
    with torch.random.fork_rng(cuda), closing(coming):
        for number, batch in coming:
            torch.manual_seed(_step_seed(settings.seed, number))
            state.optimiser.zero_grad(set_to_none=True)
            with autocast(where, precision):
                value = loss(module, batch)
            _update(state, value, learning_rate(number, settings), settings.clip_norm)
            record.add(value.detach())
            done = number + 1
            keep = (
                done % settings.checkpoint_every == 0
                or done == settings.steps
                or monotonic() - kept_at > KEEP_EVERY_S
            )
            if keep or record.is_due():
                mean = record.check()
                progress(step, done, settings.steps, "steps", note=f"loss {mean:.4g}")
            if keep:
                _check_weights(module, step, done)
                if checkpoint:
                    completed = Completed(done, record.losses[:done], monotonic() - began)
                    save_checkpoint(checkpoint, state, completed, identity)
                kept_at = monotonic()
    module.eval()
    return _report(record.losses.cpu(), monotonic() - began, before.steps)


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


class _LossRecord:
    """The loss of every step, checked now and then."""

    def __init__(self, before: Tensor, steps: int, device: torch.device, step: str) -> None:
        self.losses = torch.zeros(steps, device=device)
        self.losses[: len(before)] = before.to(device)
        self._done = self._checked = len(before)
        self._checked_at, self._step = monotonic(), step

    def add(self, loss: Tensor) -> None:
        self.losses[self._done] = loss
        self._done += 1

    def is_due(self) -> bool:
        return monotonic() - self._checked_at > CHECK_EVERY_S

    def check(self) -> float:
        """The mean loss since the last check, if all are finite."""
        new = self.losses[self._checked : self._done].cpu()
        if not new.isfinite().all():
            first = int(torch.nonzero(~new.isfinite())[0])
            raise RunError(
                f"{self._step}: the loss is {float(new[first])} at step "
                f"{self._checked + first + 1} of {len(self.losses)}. {ADVICE}"
            )
        self._checked, self._checked_at = self._done, monotonic()
        return float(new.mean())


def _check_weights(module: nn.Module, step: str, done: int) -> None:
    """A loss may be finite and its gradients not; no checkpoint keeps what they leave."""
    if not all(bool(parameter.isfinite().all()) for parameter in module.parameters()):
        raise RunError(f"{step}: weights are NaN or infinite after step {done}. {ADVICE}")


def _step_seed(seed: int, step: int) -> int:
    """Steps of neighbouring seeds have nothing in common."""
    return int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0])


def _report(losses: Tensor, seconds: float, resumed_from: int) -> TrainReport:
    values = losses.double().numpy()
    parts = np.array_split(values, min(NUM_LOSSES, len(values)))
    return TrainReport(
        losses=tuple(float(part.mean()) for part in parts),
        final_loss=float(values[-max(1, len(values) // 10) :].mean()),
        seconds=seconds,
        steps=len(values),
        resumed_from=resumed_from,
    )
