"""How fast this machine is, measured in a second or two."""

import io
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import nn

from polyscale.data.listing import Listing
from polyscale.decode import UnreadableImageError, read_image
from polyscale.learning.heads.linear_probe import PaperSettings, fit_paper_probe
from polyscale.operator.cost import Timed, vit_macs
from polyscale.operator.multiscale.precision import autocast
from polyscale.studies.recipes.prepare import PreparedRecipe
from polyscale.tasks import RunSettings
from polyscale.types import HW

NUM_READ = 16
"""Images that are decoded to measure the rate."""

NUM_TILES = 4
"""Tiles that run through the block at once."""

TURNS = 3
"""Moments in which a call is timed."""


@dataclass(frozen=True, kw_only=True)
class Rates:
    """How fast this machine is; forecasts from these are good to a factor of two or three.

    Attributes:
        macs_per_s: multiply-adds a second of a block of ViT-B, on the device and in the precision
            of the backbones.
        head_macs_per_s: multiply-adds a second of heads.
        images_per_s: images a second that one thread reads and decodes.
    """

    macs_per_s: float
    head_macs_per_s: float
    images_per_s: float


def measure_rates(prepared: PreparedRecipe) -> Rates:
    """Measure for a second or two how fast this machine multiplies and reads."""
    rate = _model_rate(prepared.settings)
    classifies = prepared.recipe.task == "classification"
    return Rates(
        macs_per_s=rate,
        head_macs_per_s=_probe_rate(prepared.settings.device) if classifies else rate,
        images_per_s=_read_rate(prepared.images or _one_image(prepared.recipe.data.image_hw)),
    )


def _model_rate(settings: RunSettings) -> float:
    """Multiply-adds a second of one block of ViT-B on tiles of 224 px."""
    device = torch.device(settings.device)
    block = nn.TransformerEncoderLayer(
        768, 12, 3072, dropout=0, activation="gelu", batch_first=True, norm_first=True
    )
    block = block.eval().requires_grad_(False).to(device)
    tokens = torch.zeros(NUM_TILES, 197, 768, device=device)
    # the difference of two depths leaves the patch embedding out
    two, one = (vit_macs(depth=d, dim=768, patch_px=16, tile_hw=(224, 224)) for d in (2, 1))

    def run() -> object:
        with autocast(device, settings.precision), torch.inference_mode():
            return block(tokens)

    return NUM_TILES * (two - one) / _seconds(run, device)


def _probe_rate(device: str) -> float:
    """Multiply-adds a second of an epoch of the paper's probe, with two products a step."""
    rows, num_classes = np.zeros((2048, 1536), np.float32), 1000
    labels = np.arange(len(rows)) % num_classes
    settings = PaperSettings(epochs=1)

    def run() -> object:
        return fit_paper_probe(
            rows, labels, rows[:1], settings=settings, device=device, cross_validate=False
        )

    return 2 * rows.size * num_classes / _seconds(run, torch.device(device))


def _one_image(image_hw: HW) -> Listing:
    """A JPEG of noise, for a recipe whose data are not there."""
    pixels = np.random.default_rng(0).integers(0, 256, (*image_hw, 3), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "JPEG")
    return Listing(("noise",) * NUM_READ, lambda index: content.getvalue())


def _read_rate(images: Listing) -> float:
    """Images a second, from some that are spread evenly over the split; damaged ones count too."""
    chosen = np.linspace(0, len(images) - 1, min(NUM_READ, len(images))).astype(int)
    start = time.perf_counter()
    for index in chosen.tolist():
        try:
            read_image(images.content(index), name=images.ids[index])
        except UnreadableImageError:
            continue
    return len(chosen) / (time.perf_counter() - start)


def _seconds(call: Callable[[], object], device: torch.device) -> float:
    """Median time of several calls, after one call to warm up."""
    timed = Timed(call, device)
    for _ in range(TURNS):
        timed.turn()
    _, median_s, _ = timed.quartiles_s()
    return median_s
