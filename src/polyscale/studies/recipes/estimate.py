"""What a recipe takes: sizes are counted; times follow from rates that are measured in a second."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
import psutil
import torch
from torch import nn
from torch.nn import functional as F

from polyscale.data.dataset import MIN_DRAWN
from polyscale.data.listing import Listing
from polyscale.decode import UnreadableImageError, read_image
from polyscale.errors import InputError
from polyscale.learning.heads.linear_probe import PAPER
from polyscale.operator.backbones import load
from polyscale.operator.cost import count_tile, vit_macs
from polyscale.operator.multiscale.precision import autocast
from polyscale.operator.plan import Level, plan_levels
from polyscale.operator.plan.tiling import Tiling
from polyscale.studies.recipes.prepare import PreparedRecipe, make_settings
from polyscale.studies.recipes.recipe import Checkpoint, Entry, Recipe
from polyscale.studies.recipes.work import Work, make_work
from polyscale.tasks import RunSettings
from polyscale.types import HW, Candidate

NUM_READ = 16
"""Images that are decoded to measure the rate."""

NUM_TILES = 4
"""Tiles that run through the block at once."""


@dataclass(frozen=True, kw_only=True)
class CandidateSize:
    """What one candidate takes.

    Attributes:
        candidate: backbone and scales.
        num_tiles: number of tiles of one image, or of one view of it.
        macs: multiply-adds of these tiles.
        feature_dim: columns, or channels, that the head gets.
    """

    candidate: Candidate
    num_tiles: int
    macs: float
    feature_dim: int


@dataclass(frozen=True, kw_only=True)
class RecipeSize:
    """What a recipe takes, apart from time.

    Attributes:
        candidates: the candidates, one by one.
        kept_images: images, or views of them, whose features are computed once and kept.
        augmented_images: images in the training steps of each candidate, which run through the
            backbone at each step.
        tiles: tiles that run through backbones, over all images. Where features are kept, scales
            that candidates share are computed once.
        macs: multiply-adds of these tiles.
        head_macs: multiply-adds of all heads, in training and test.
        images_read: images that are decoded.
        feature_bytes: size of the features in the cache.
        download_bytes: size of the weights that are not in a local folder. Those in the hub's cache
            are not subtracted.
        memory_bytes: approximate peak of what features and predictions take in memory.
    """

    candidates: tuple[CandidateSize, ...]
    kept_images: int
    augmented_images: int
    tiles: int
    macs: float
    head_macs: float
    images_read: int
    feature_bytes: int
    download_bytes: int
    memory_bytes: int


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


def size_recipe(
    recipe: Recipe, settings: RunSettings | None = None, *, weights_dir: str | None = None
) -> RecipeSize:
    """Count what a recipe takes.

    Args:
        recipe: the recipe; its data say how many images there are.
        settings: settings of the comparison; None takes those of the recipe.
        weights_dir: folder of local weights, whose models are counted; None counts the recipe's.

    Raises:
        MissingExtraError: if the head needs a package that is not installed.
    """
    work = make_work(recipe.data, settings or make_settings(recipe))
    entries, scales = recipe.entries, _all_scales(recipe)
    models = {c: c for c in recipe.checkpoints}
    if weights_dir is not None:
        models = {c: _read_model(c, weights_dir, scales[c], work.split) for c in models}
    candidates = tuple(_size_candidate(entry, models, work, weights_dir) for entry in entries)
    kept = [_count(model, scales[c], work.split) for c, model in models.items()]
    kept_bytes = sum(work.kept_bytes(model) * len(scales[c]) for c, model in models.items())
    peak = max(
        work.memory_bytes(
            models[entry.checkpoint],
            num_scales=len(scales[entry.checkpoint]),
            num_joined=len(entry.scales),
            num_candidates=len(entries),
        )
        for entry in entries
    )
    downloads = recipe.repositories if weights_dir is None else ()
    return RecipeSize(
        candidates=candidates,
        kept_images=work.kept_images,
        augmented_images=work.augmented_images,
        tiles=work.kept_images * sum(num_tiles for num_tiles, _ in kept)
        + work.augmented_images * sum(candidate.num_tiles for candidate in candidates),
        macs=work.kept_images * sum(macs for _, macs in kept)
        + work.augmented_images * sum(candidate.macs for candidate in candidates),
        head_macs=sum(work.head_macs(models[e.checkpoint], len(e.scales)) for e in entries),
        images_read=work.images_read(len(models), len(candidates)),
        feature_bytes=work.kept_images * kept_bytes,
        download_bytes=round(1e9 * sum(c.download_gb for c in downloads)),
        memory_bytes=peak,
    )


def fitting_per_class(recipe: Recipe, size: RecipeSize, memory_bytes: int) -> int:
    """Images of each class and split that four fifths of this memory hold; classification only."""
    data = recipe.data
    images = 0.8 * memory_bytes / size.memory_bytes * size.kept_images / data.num_classes
    test = data.num_test / data.num_classes
    # a class may have fewer test images than are asked for
    return int(images - test if images > 2 * test else images / 2)


def check_memory(recipe: Recipe, size: RecipeSize) -> None:
    """Refuse a recipe that this machine's memory cannot hold.

    Raises:
        InputError: if it cannot; the message says what would fit.
    """
    available = psutil.virtual_memory().total
    if size.memory_bytes <= available:
        return
    advice = "Take a larger machine."
    if recipe.task == "classification":
        fits = fitting_per_class(recipe, size, available)
        advice = f"Try --per-class {fits}." if fits >= MIN_DRAWN else advice
    raise InputError(
        "images must fit into memory as features, but "
        f"{recipe.data.num_train + recipe.data.num_test} take about "
        f"{size.memory_bytes / 1e9:.1f} GB at the peak, of {available / 1e9:.1f}. {advice}"
    )


def measure_rates(prepared: PreparedRecipe) -> Rates:
    """Measure for a second or two how fast this machine multiplies and reads."""
    device = torch.device(prepared.settings.device)
    rate = _model_rate(prepared.settings, device)
    return Rates(
        macs_per_s=rate,
        head_macs_per_s=_probe_rate(device) if prepared.recipe.task == "classification" else rate,
        images_per_s=_read_rate(prepared.images),
    )


def _all_scales(recipe: Recipe) -> dict[Checkpoint, tuple[float, ...]]:
    """The different scales of each checkpoint's candidates, in rising order."""
    scales: dict[Checkpoint, set[float]] = {}
    for entry in recipe.entries:
        scales.setdefault(entry.checkpoint, set()).update(entry.scales)
    return {checkpoint: tuple(sorted(values)) for checkpoint, values in scales.items()}


def _size_candidate(
    entry: Entry, models: Mapping[Checkpoint, Checkpoint], work: Work, weights_dir: str | None
) -> CandidateSize:
    model = models[entry.checkpoint]
    num_tiles, macs = _count(model, entry.scales, work.split)
    return CandidateSize(
        candidate=entry.candidate(weights_dir),
        num_tiles=num_tiles,
        macs=macs,
        feature_dim=work.feature_dim(model, len(entry.scales)),
    )


def _count(model: Checkpoint, scales: tuple[float, ...], split: bool) -> tuple[int, float]:
    """Tiles of one image at these scales, and their multiply-adds."""
    levels = _levels((model.tile_px, model.tile_px), scales, split)
    macs = sum(level.num_tiles * model.tile_macs(level.tile_hw) for level in levels)
    return sum(level.num_tiles for level in levels), macs


def _levels(tile_hw: HW, scales: tuple[float, ...], split: bool) -> tuple[Level, ...]:
    return plan_levels(Tiling(scales=scales, split=split), tile_hw)


def _read_model(
    checkpoint: Checkpoint, weights_dir: str, scales: tuple[float, ...], split: bool
) -> Checkpoint:
    """The checkpoint with the sizes and the costs of the model in a folder of local weights."""
    backbone = load(checkpoint.at(weights_dir), weights=False)
    sizes = {level.tile_hw for level in _levels(backbone.tile_hw, scales, split)}
    return replace(
        checkpoint,
        tile_px=backbone.tile_hw[0],
        cell_px=backbone.tile_hw[0] // backbone.grid_hw[0],
        dim=backbone.dim,
        has_cls=backbone.has_cls,
        gmacs={size[0]: count_tile(backbone, size).macs / 1e9 for size in sizes},
    )


def _model_rate(settings: RunSettings, device: torch.device) -> float:
    """Multiply-adds a second of one block of ViT-B on tiles of 224 px."""
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


def _probe_rate(device: torch.device) -> float:
    """Multiply-adds a second of training steps of the paper's probe on 1536 features."""
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
    """Images a second, from some that are spread evenly over the split; damaged ones count too."""
    chosen = np.linspace(0, len(images.ids) - 1, min(NUM_READ, len(images.ids))).astype(int)
    start = time.perf_counter()
    for index in chosen.tolist():
        try:
            read_image(images.content(index), name=images.ids[index])
        except UnreadableImageError:
            continue
    return len(chosen) / (time.perf_counter() - start)


def _seconds(call: Callable[[], object], device: torch.device) -> float:
    """Median time of five calls, after one call to warm up."""
    call()
    times = []
    for _ in range(5):
        start = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - start)
    return median(times)
