"""Train a dense head, so that it may be killed at any moment and goes on the same.

Every step depends on nothing but the weights, the moments of AdamW and the step's number: batches,
learning rate and the seed of dropout are pure functions of it. On one machine's CPU a resumed
training therefore ends with the same bits as an unbroken one. On a GPU some gradients (of bilinear
resizing) are summed in no fixed order, and the last digits differ between any two runs.
"""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import numpy as np
import torch
from torch import Tensor, nn

from polyscale.errors import RunError
from polyscale.heads.dense.batches import Batches, ahead
from polyscale.heads.dense.checkpoint import Reached, Training, made_for, resume, save_checkpoint
from polyscale.heads.dense.head import DenseHead
from polyscale.heads.dense.optimiser import learning_rate, make_optimiser
from polyscale.heads.dense.settings import TrainSettings
from polyscale.multiscale.precision import Precision, autocast, check_precision
from polyscale.types import Progress, silent

NUM_LOSSES = 200
"""Of a report, at most."""

TELL_EVERY_S = 0.5
"""A loss is looked at this often: on a GPU each look waits for the device."""

KEEP_EVERY_S = 30.0
"""A checkpoint is not older than this, whatever the steps between two: so much may be lost."""

ADVICE = "Lower the learning rate, clip gradients, or train in fp32."


@dataclass(frozen=True)
class TrainReport:
    """How a training went.

    Attributes:
        losses: over the training, each the mean of equally many steps, at most 200.
        final_loss: mean of the last tenth of the steps.
        seconds: in all, those before it was cut short included.
        steps: in all.
        resumed_from: the step at which a checkpoint took over; 0 where there was none.
    """

    losses: tuple[float, ...]
    final_loss: float
    seconds: float
    steps: int
    resumed_from: int


def train_head(
    head: nn.Module,
    batches: Batches,
    settings: TrainSettings,
    *,
    device: str = "cpu",
    dtype: str = "fp32",
    checkpoint: Path | None = None,
    fingerprint: str = "",
    progress: Progress = silent,
    step: str = "head",
) -> TrainReport:
    """Train a head in place; it is in `eval` mode and on the device afterwards.

    Args:
        head: a `DenseHead` with its initial weights.
        batches: what each step learns from.
        settings: how.
        device: where.
        dtype: "fp32", "bf16" or "fp16"; the latter two under autocast, with weights in fp32.
        checkpoint: a file to go on from if it is there, written again and again, also after the
            last step. The caller deletes it when the head is safe.
        fingerprint: of all that the batches depend on.
        progress: told the steps that are done, with the loss as its note.
        step: how progress and errors call the head.

    Raises:
        InputError: if the checkpoint is of another training.
        RunError: if the loss becomes NaN or infinite, or the disk refuses.
    """
    assert isinstance(head, DenseHead), type(head)
    where, precision = torch.device(device), check_precision(dtype)
    head.to(where).train()
    scaled = precision == "fp16" and where.type == "cuda"
    scaler = torch.amp.GradScaler(where.type, enabled=scaled)
    training = Training(head, make_optimiser(head, settings), scaler)
    facts = made_for(head, settings, dtype=dtype, fingerprint=fingerprint)
    before = resume(checkpoint, training, facts) if checkpoint else None
    before = before or Reached(0, torch.empty(0), 0.0)
    began, kept_at = monotonic() - before.seconds, monotonic()
    watch = _Losses(before.losses, settings.steps, where, step)
    progress(step, before.step, settings.steps, "steps")

    cuda = [where] if where.type == "cuda" else []
    coming = ahead(batches, range(before.step, settings.steps))
    with torch.random.fork_rng(cuda), closing(coming):
        for number, (maps, target) in coming:
            torch.manual_seed(_step_seed(settings.seed, number))
            watch.add(_train_step(training, maps, target, number, settings, precision))
            done = number + 1
            keep = (
                done % settings.checkpoint_every == 0
                or done == settings.steps
                or monotonic() - kept_at > KEEP_EVERY_S
            )
            if keep or watch.is_due():
                loss = watch.look()
                progress(step, done, settings.steps, "steps", note=f"loss {loss:.4g}")
            if keep:
                _check_weights(head, step, done)
                if checkpoint:
                    reached = Reached(done, watch.losses[:done], monotonic() - began)
                    save_checkpoint(checkpoint, training, reached, facts)
                kept_at = monotonic()
    head.eval()
    return _report(watch.losses.cpu(), monotonic() - began, before.step)


def _train_step(
    training: Training,
    maps: Tensor,
    target: Tensor,
    number: int,
    settings: TrainSettings,
    precision: Precision,
) -> Tensor:
    head, optimiser, scaler = training.head, training.optimiser, training.scaler
    assert isinstance(head, DenseHead)
    for group in optimiser.param_groups:
        group["lr"] = learning_rate(number, settings)
    optimiser.zero_grad(set_to_none=True)
    with autocast(maps.device, precision):
        loss = head.loss(maps, target)
    scaler.scale(loss).backward()
    if settings.clip_norm is not None:
        scaler.unscale_(optimiser)
        nn.utils.clip_grad_norm_(head.parameters(), settings.clip_norm)
    scaler.step(optimiser)
    scaler.update()
    return loss.detach()


class _Losses:
    """The loss of every step, looked at now and then."""

    def __init__(self, before: Tensor, steps: int, device: torch.device, step: str) -> None:
        self.losses = torch.zeros(steps, device=device)
        self.losses[: len(before)] = before.to(device)
        self._done = self._seen = len(before)
        self._looked, self._step = monotonic(), step

    def add(self, loss: Tensor) -> None:
        self.losses[self._done] = loss
        self._done += 1

    def is_due(self) -> bool:
        return monotonic() - self._looked > TELL_EVERY_S

    def look(self) -> float:
        """The mean loss since the last look, if all are finite."""
        new = self.losses[self._seen : self._done].cpu()
        if not new.isfinite().all():
            first = int(torch.nonzero(~new.isfinite())[0])
            raise RunError(
                f"{self._step}: the loss is {float(new[first])} at step {self._seen + first + 1} "
                f"of {len(self.losses)}. {ADVICE}"
            )
        self._seen, self._looked = self._done, monotonic()
        return float(new.mean())


def _check_weights(head: nn.Module, step: str, done: int) -> None:
    """A loss may be finite and its gradients not; no checkpoint keeps what they leave."""
    if not all(bool(parameter.isfinite().all()) for parameter in head.parameters()):
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
