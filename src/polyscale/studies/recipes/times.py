"""How long a recipe will take, from rates that are measured in a second or two."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from polyscale.cost import vit_macs
from polyscale.data.image import UnreadableImageError, read_image
from polyscale.data.listing import Listing
from polyscale.heads.paper import PAPER
from polyscale.multiscale.precision import autocast
from polyscale.studies.recipes.ready import ReadyRecipe
from polyscale.studies.recipes.size import RecipeSize

NUM_READ = 16
"""Images that are decoded to measure the rate."""

NUM_TILES = 4
"""Tiles that go through the block at once."""


@dataclass(frozen=True)
class RecipeTimes:
    """Seconds, from rates that are measured here and now; within a factor of two or three.

    Attributes:
        macs_per_s: of a block of ViT-B, where backbones will run, in their precision.
        probe_macs_per_s: of one batch of the probe.
        images_per_s: opened and decoded, by one thread.
        model_s: backbones.
        read_s: reading images, once to look at them and once for each backbone.
        probe_s: the paper's probe.
    """

    macs_per_s: float
    probe_macs_per_s: float
    images_per_s: float
    model_s: float
    read_s: float
    probe_s: float


def time_recipe(ready: ReadyRecipe, size: RecipeSize) -> RecipeTimes:
    """Measure rates for a second or two, and forecast."""
    device = torch.device(ready.settings.device)
    rate, probe_rate = _model_rate(ready, device), _probe_rate(device)
    images_per_s = _read_rate(ready.catalogue.train)
    num = size.num_images
    return RecipeTimes(
        macs_per_s=rate,
        probe_macs_per_s=probe_rate,
        images_per_s=images_per_s,
        model_s=size.macs / rate,
        read_s=num * (1 + len(ready.recipe.checkpoints)) / images_per_s,
        probe_s=size.probe_macs / probe_rate,
    )


def _model_rate(ready: ReadyRecipe, device: torch.device) -> float:
    """Multiply-adds a second of one block of ViT-B on tiles of 224 px."""
    block = nn.TransformerEncoderLayer(
        768, 12, 3072, dropout=0, activation="gelu", batch_first=True, norm_first=True
    )
    block = block.eval().requires_grad_(False).to(device)
    tokens = torch.zeros(NUM_TILES, 197, 768, device=device)
    # less the embedding of patches, which a block does not have
    facts = {"dim": 768, "patch_px": 16, "tile_hw": (224, 224)}
    macs = vit_macs(depth=2, **facts) - vit_macs(depth=1, **facts)  # type: ignore[arg-type]

    def run() -> object:
        with autocast(device, ready.settings.precision), torch.inference_mode():
            return block(tokens)

    return NUM_TILES * macs / _seconds(run, device)


def _probe_rate(device: torch.device) -> float:
    """Multiply-adds a second of the probe's steps: gathering rows, gradient, AdamW."""
    rows, dim, classes = np.zeros((2048, 1536), np.float32), 1536, 1000
    chosen = np.random.default_rng(0).integers(len(rows), size=PAPER.batch)
    target = torch.zeros(PAPER.batch, dtype=torch.long, device=device)
    layer = nn.Linear(dim, classes, device="meta").to_empty(device=device)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    optimiser = torch.optim.AdamW(layer.parameters(), lr=PAPER.learning_rate)

    def step() -> None:
        optimiser.zero_grad()
        F.cross_entropy(layer(torch.from_numpy(rows[chosen]).to(device)), target).backward()
        optimiser.step()

    return 2 * PAPER.batch * dim * classes / _seconds(step, device)


def _read_rate(images: Listing) -> float:
    """Images a second, of some that lie evenly over the split; broken ones count as read."""
    chosen = np.linspace(0, len(images) - 1, min(NUM_READ, len(images))).astype(int)
    start = time.perf_counter()
    for index in chosen.tolist():
        try:
            read_image(images.content(index), name=images.ids[index])
        except UnreadableImageError:
            continue
    return len(chosen) / (time.perf_counter() - start)


def _seconds(call: Callable[[], object], device: torch.device) -> float:
    """Median of five calls after one."""
    call()
    times = []
    for _ in range(5):
        start = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - start)
    return median(times)
