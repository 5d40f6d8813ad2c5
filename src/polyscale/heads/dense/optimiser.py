"""AdamW and the way of its learning rate, a pure function of the step."""

import math

import torch
from torch import nn

from polyscale.heads.dense.settings import TrainSettings

POLY_POWER = 0.9
"""Of segmentation since DeepLab, arXiv 1606.00915."""


def make_optimiser(head: nn.Module, settings: TrainSettings) -> torch.optim.AdamW:
    """AdamW on what can be learned; biases, norms and other vectors have no weight decay."""
    learned = [p for p in head.parameters() if p.requires_grad]
    return torch.optim.AdamW(
        [
            {"params": [p for p in learned if p.ndim > 1], "weight_decay": settings.weight_decay},
            {"params": [p for p in learned if p.ndim <= 1], "weight_decay": 0.0},
        ],
        lr=settings.learning_rate,
    )


def learning_rate(step: int, settings: TrainSettings) -> float:
    """Of one step: it rises in equal steps to its highest, then follows the schedule to zero.

    The schedule runs over the steps after warm-up, so that the rate has no jump.

    Args:
        step: 0 … steps - 1.
        settings: how the head is trained.
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
