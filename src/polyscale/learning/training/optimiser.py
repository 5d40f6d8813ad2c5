"""How a module is optimised: settings, AdamW, and the learning rate as a function of the step."""

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
from torch import nn

from polyscale.checks import check_choice, check_integer, check_integers, is_number
from polyscale.errors import InputError

Schedule = Literal["cosine", "poly", "constant"]
"""The learning rate after warm-up: half a cosine to zero, (1 - step / steps)^0.9, or constant."""

POLY_POWER = 0.9
"""The usual power in segmentation since DeepLab, arXiv 1606.00915."""

MAX_WARMUP = 10
"""Where the number of steps is lowered, at most one step in this many is warm-up."""


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """Training with AdamW on batches.

    Attributes:
        steps: number of batches in all.
        batch: number of examples in each batch.
        learning_rate: at its highest.
        weight_decay: of weights; biases and norms have none.
        warmup_steps: steps in which the learning rate rises from zero.
        schedule: of the learning rate after warm-up.
        clip_norm: gradients with a larger norm are shortened to it; None leaves them.
        seed: of initial weights, order and dropout.
        checkpoint_every: most steps between two checkpoints; at most half a minute lies between
            them as well.
    """

    steps: int
    batch: int = 16
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    warmup_steps: int = 0
    schedule: Schedule = "cosine"
    clip_norm: float | None = None
    seed: int = 0
    checkpoint_every: int = 200

    def __post_init__(self) -> None:
        check_integers(self, "steps", "batch", "checkpoint_every")
        check_integers(self, "warmup_steps", "seed", least=0)
        if not self.warmup_steps < self.steps:
            raise InputError(
                f"warmup_steps must be below steps ({self.steps}), but got {self.warmup_steps}."
            )
        check_choice("schedule", self.schedule, get_args(Schedule))
        for name in ("learning_rate", "clip_norm"):
            value = getattr(self, name)
            left_out = value is None and name == "clip_norm"
            if not left_out and not (is_number(value) and 0 < value < math.inf):
                raise InputError(f"{name} must be above 0 and finite, but got {value!r}.")
        if not (is_number(self.weight_decay) and 0 <= self.weight_decay < math.inf):
            raise InputError(f"weight_decay must be at least 0, but got {self.weight_decay!r}.")

    def with_steps(self, steps: int) -> "TrainSettings":
        """The same training with another number of steps.

        The number of warm-up steps stays, but with fewer steps it is at most a tenth of them.

        Raises:
            InputError: if it is not a whole number of at least 1.
        """
        steps, warmup_steps = check_integer("steps", steps), self.warmup_steps
        if steps < self.steps:
            warmup_steps = min(warmup_steps, steps // MAX_WARMUP)
        return replace(self, steps=steps, warmup_steps=warmup_steps)


def make_optimiser(module: nn.Module, settings: TrainSettings) -> torch.optim.AdamW:
    """AdamW on all trainable parameters; biases, norms and other vectors have no weight decay."""
    trainable = [p for p in module.parameters() if p.requires_grad]
    matrices = [p for p in trainable if p.ndim > 1]
    vectors = [p for p in trainable if p.ndim <= 1]
    return torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": settings.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ],
        lr=settings.learning_rate,
    )


def learning_rate(step: int, settings: TrainSettings) -> float:
    """The learning rate of one step: linear warm-up, then the schedule, which ends at zero.

    The schedule runs over the steps after warm-up, so that the rate has no jump. The first step
    is 0.
    """
    if step < settings.warmup_steps:
        return settings.learning_rate * (step + 1) / settings.warmup_steps
    done = (step - settings.warmup_steps) / (settings.steps - settings.warmup_steps)
    share = {
        "cosine": (1 + math.cos(math.pi * done)) / 2,
        "poly": (1 - done) ** POLY_POWER,
        "constant": 1.0,
    }[settings.schedule]
    return settings.learning_rate * share
