"""How long a recipe will take, from rates that are measured in a second or two."""

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from polyscale.cost import vit_macs
from polyscale.data.image import UnreadableImageError, read_image
from polyscale.data.listing import Listing
from polyscale.multiscale.precision import autocast
from polyscale.studies.recipes.rates import seconds
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
        head_macs_per_s: of heads; that of the block where they are as fast.
        images_per_s: opened and decoded, by one thread.
        model_s: backbones.
        read_s: reading images.
        head_s: training heads, and what they say of test images.
    """

    macs_per_s: float
    head_macs_per_s: float
    images_per_s: float
    model_s: float
    read_s: float
    head_s: float


def time_recipe(ready: ReadyRecipe, size: RecipeSize) -> RecipeTimes:
    """Measure rates for a second or two, and forecast."""
    device = torch.device(ready.settings.device)
    rate = _model_rate(ready, device)
    head_rate = size.work.head_macs_per_s(device) or rate
    images_per_s = _read_rate(ready.images)
    return RecipeTimes(
        macs_per_s=rate,
        head_macs_per_s=head_rate,
        images_per_s=images_per_s,
        model_s=size.macs / rate,
        read_s=size.images_read / images_per_s,
        head_s=size.head_macs / head_rate,
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

    return NUM_TILES * macs / seconds(run, device)


def _read_rate(images: Listing) -> float:
    """Images a second, of some that lie evenly over the split; broken ones count as read."""
    chosen = np.linspace(0, len(images.ids) - 1, min(NUM_READ, len(images.ids))).astype(int)
    start = time.perf_counter()
    for index in chosen.tolist():
        try:
            read_image(images.content(index), name=images.ids[index])
        except UnreadableImageError:
            continue
    return len(chosen) / (time.perf_counter() - start)
