"""How a head is trained."""

from dataclasses import dataclass
from math import inf
from typing import Literal, get_args

from polyscale.errors import InputError

Schedule = Literal["cosine", "poly", "constant"]
"""Of the learning rate after warm-up: half a cosine to zero, (1 - step / steps)^0.9, or none."""

LEAST = {"steps": 1, "batch": 1, "warmup_steps": 0, "seed": 0, "checkpoint_every": 1}
"""Whole numbers, and what they must be at least."""


def is_number(value: object) -> bool:
    """An int or a float; neither a bool nor text."""
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """AdamW on batches of images.

    Attributes:
        steps: batches in all.
        batch: images of each.
        learning_rate: at its highest.
        weight_decay: of weights; biases and norms have none.
        warmup_steps: in which the learning rate rises from zero.
        schedule: of the learning rate after that.
        clip_norm: gradients with a larger norm are shortened to it; None leaves them.
        seed: of initial weights, order and dropout.
        checkpoint_every: steps between two checkpoints, at most; half a minute lies between two at
            most as well.
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
        for name, least in LEAST.items():
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise InputError(f"{name} must be an int of at least {least}, but got {value!r}.")
        if not self.warmup_steps < self.steps:
            raise InputError(
                f"warmup_steps must be below steps ({self.steps}), but got {self.warmup_steps}."
            )
        if self.schedule not in get_args(Schedule):
            raise InputError(
                f"schedule must be one of {', '.join(get_args(Schedule))}, "
                f"but got {self.schedule!r}."
            )
        for name in ("learning_rate", "clip_norm"):
            value = getattr(self, name)
            left_out = value is None and name == "clip_norm"
            if not left_out and not (is_number(value) and 0 < value < inf):
                raise InputError(f"{name} must be above 0 and finite, but got {value!r}.")
        if not (is_number(self.weight_decay) and 0 <= self.weight_decay < inf):
            raise InputError(f"weight_decay must be at least 0, but got {self.weight_decay!r}.")
