"""How a head is trained."""

from dataclasses import dataclass
from typing import Literal

from polyscale.errors import InputError

Schedule = Literal["cosine", "poly", "constant"]
"""Of the learning rate after warm-up: half a cosine to zero, (1 - step / steps)^0.9, or none."""


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
        checkpoint_every: steps between two checkpoints.
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
        for name in ("steps", "batch", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, but got {getattr(self, name)}.")
        if not 0 <= self.warmup_steps < self.steps:
            raise InputError(
                f"warmup_steps must be from 0 to below steps ({self.steps}), "
                f"but got {self.warmup_steps}."
            )
        if not self.learning_rate > 0:
            raise InputError(f"learning_rate must be above 0, but got {self.learning_rate:g}.")
