"""A small head, and a problem that it can learn."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from polyscale.features import ArrayMaps
from polyscale.learning.heads.dense.train import cached_batches
from polyscale.learning.training import TrainSettings

NUM_CLASSES = 3
SETTINGS = TrainSettings(
    steps=24, batch=4, learning_rate=0.02, warmup_steps=4, checkpoint_every=5, clip_norm=1.0
)


class ToyHead(nn.Module):
    """Batch norm, dropout and a 1×1: buffers, chance and weights."""

    def __init__(self, *, in_channels, num_classes, dropout=0.2):
        super().__init__()
        self.config = {"in_channels": in_channels, "num_classes": num_classes, "dropout": dropout}
        self.norm = nn.BatchNorm2d(in_channels)
        self.drop = nn.Dropout(dropout)
        self.classify = nn.Conv2d(in_channels, num_classes, 1)

    def forward(self, maps):
        return self.classify(self.drop(self.norm(maps)))

    def loss(self, maps, target):
        logits = F.interpolate(self(maps), target.shape[-2:], mode="bilinear")
        return F.cross_entropy(logits, target, ignore_index=-1)

    def scores(self, maps, out_hw):
        return F.interpolate(self(maps), out_hw, mode="bilinear")


class ArrayTargets:
    def __init__(self, array):
        self.array = array

    def __len__(self):
        return len(self.array)

    def take(self, indices):
        return self.array[indices]


def head(seed=0, channels=5):
    torch.manual_seed(seed)
    return ToyHead(in_channels=channels, num_classes=NUM_CLASSES)


def problem(num=10, channels=5):
    """Maps (num, 6, 6, channels) whose first channels say the class, and labels of 12×12."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, NUM_CLASSES, (num, 6, 6))
    maps = generator.normal(0, 0.3, (num, 6, 6, channels))
    maps[..., :NUM_CLASSES] += np.eye(NUM_CLASSES)[labels]
    targets = labels.repeat(2, axis=1).repeat(2, axis=2).astype(np.int16)
    targets[:, :1] = -1
    return ArrayMaps(maps.astype(np.float16)), ArrayTargets(targets)


def batches(settings=SETTINGS):
    return cached_batches(*problem(), batch=settings.batch, seed=settings.seed)
