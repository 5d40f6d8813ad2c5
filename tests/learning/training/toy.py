"""A small module, and a problem that it can learn."""

import os
import time
from itertools import count

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from polyscale.learning.training import (
    ItemBatches,
    TrainContext,
    TrainSettings,
    batch_indices,
    train,
)

NUM_CLASSES = 3
SETTINGS = TrainSettings(
    steps=24, batch=4, learning_rate=0.02, warmup_steps=4, checkpoint_every=5, clip_norm=1.0
)


class Toy(nn.Module):
    """Batch norm, dropout and a linear map: buffers, chance and weights."""

    def __init__(self, *, dim=5, dropout=0.2):
        super().__init__()
        self.config = {"dim": dim, "dropout": dropout}
        self.norm = nn.BatchNorm1d(dim)
        self.drop = nn.Dropout(dropout)
        self.classify = nn.Linear(dim, NUM_CLASSES)

    def forward(self, rows):
        return self.classify(self.drop(self.norm(rows)))


def module(seed=0, dropout=0.2):
    torch.manual_seed(seed)
    return Toy(dropout=dropout)


def loss(module, batch):
    rows, labels = batch
    return F.cross_entropy(module(rows), labels)


def problem(num=60):
    """Rows (num, 5) whose first columns say the class, and labels."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, NUM_CLASSES, num)
    rows = generator.normal(0, 0.3, (num, 5))
    rows[:, :NUM_CLASSES] += np.eye(NUM_CLASSES)[labels]
    return torch.from_numpy(rows).float(), torch.from_numpy(labels)


def batches(settings=SETTINGS):
    rows, labels = problem()

    def read(step):
        chosen = batch_indices(
            step, num_examples=len(rows), batch=settings.batch, seed=settings.seed
        )
        return rows[chosen], labels[chosen]

    return read


def train_slowly(checkpoint):
    """Print the number of each step."""
    numbers = count(1)

    def slow(step):
        print(next(numbers), flush=True)  # noqa: T201
        time.sleep(0.02)
        return batches()(step)

    train(module(), loss, slow, SETTINGS, TrainContext(checkpoint=checkpoint))


def train_until_interrupted(checkpoint):
    """From step 12 on a batch has 50 items of half a second each; print the step of each item."""
    rows, labels = problem()

    def read(step, place):
        os.write(1, f"{step}\n".encode())  # whole, whatever other threads write
        if step >= 12:
            time.sleep(0.5)
        index = batch_indices(step, num_examples=len(rows), batch=4, seed=0)[place % 4]
        return rows[index], labels[index]

    def collate(items):
        rows, labels = zip(*items[:4], strict=True)
        return torch.stack(rows), torch.stack(labels)

    train(
        module(),
        loss,
        ItemBatches(50, read, collate),
        SETTINGS,
        TrainContext(checkpoint=checkpoint),
    )


def train_until_interrupted_then_killed(folder):
    """What the test that interrupts and kills runs in a process of its own."""
    try:
        train_until_interrupted(folder / "interrupted")
    except KeyboardInterrupt:
        print("interrupted", flush=True)  # noqa: T201
    train_slowly(folder / "killed")
