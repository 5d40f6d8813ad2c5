"""What a recipe takes, counted: tiles, multiply-adds, images, disk and memory."""

from dataclasses import dataclass, replace
from functools import cache, cached_property
from math import prod
from typing import Any

import psutil
import torch

from polyscale.data.dataset import MIN_DRAWN
from polyscale.errors import InputError
from polyscale.learning.heads.dense import TrainSettings
from polyscale.learning.heads.dense.registry import HeadKind
from polyscale.learning.heads.dense.views import ViewSettings, views_of
from polyscale.learning.heads.linear_probe import PAPER
from polyscale.operator.plan import plan_levels
from polyscale.operator.plan.tiling import Tiling
from polyscale.studies.recipes.recipe import Checkpoint, Recipe, RecipeData
from polyscale.studies.recipes.table import CHECKPOINTS
from polyscale.tasks import MapSettings, RunSettings
from polyscale.tasks.maps.predictor import count_scores
from polyscale.types import HW, Candidate

PROBE_PASSES = 5
"""The paper's probe is trained on all images, and five times on four fifths of them."""

STEP_PASSES = 3
"""A training step in units of a head's forward pass: the gradients cost two more."""


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


@dataclass(frozen=True)
class ClassificationWork:
    """Features of every image are computed once; then probes are trained in memory."""

    data: RecipeData
    augmented_images: int = 0

    @property
    def kept_images(self) -> int:
        """Images of both splits."""
        return self.data.num_train + self.data.num_test

    def images_read(self, num_checkpoints: int, num_candidates: int) -> int:
        """All images are checked once, and read once for each checkpoint."""
        return self.kept_images * (1 + num_checkpoints)

    def feature_dim(self, model: Checkpoint, num_scales: int) -> int:
        """Columns of the features: class token, where there is one, and mean of each scale."""
        return model.dim * (1 + model.has_cls) * num_scales

    def kept_bytes(self, model: Checkpoint) -> int:
        """Bytes on the disk of one image at one scale, in float32."""
        return 4 * self.feature_dim(model, 1)

    def head_macs(self, model: Checkpoint, num_scales: int) -> float:
        """Multiply-adds of a probe. Each step multiplies twice: forward, and for the gradient."""
        images = 2.0 * PAPER.epochs * PROBE_PASSES * self.data.num_train
        return images * self.feature_dim(model, num_scales) * self.data.num_classes

    def memory_bytes(
        self, model: Checkpoint, *, num_kept: int, num_joined: int, num_candidates: int
    ) -> int:
        """Peak memory: features of the model at each scale, and again side by side for a candidate.

        The probabilities of every candidate are kept as well, in float64.
        """
        columns = self.feature_dim(model, num_kept + num_joined)
        return self.kept_images * (4 * columns + 8 * self.data.num_classes * num_candidates)


@dataclass(frozen=True)
class DenseWork:
    """Features of test and held-out images are computed once, others at each training step."""

    data: RecipeData
    settings: MapSettings

    @cached_property
    def kept_images(self) -> int:
        """Views of test and held-out images."""
        views = self.settings.views
        test = self.data.num_test * self._num_views(views)
        return test + self._num_held_out * self._num_views(replace(views, flip=False))

    @property
    def augmented_images(self) -> int:
        """Images in all training steps of one candidate."""
        return self._training.steps * self._training.batch * self.settings.seeds

    def images_read(self, num_checkpoints: int, num_candidates: int) -> int:
        """Images and targets are checked once, and read when features are computed."""
        checked = self.data.num_train + self.data.num_test
        kept = self.data.num_test + self._num_held_out
        return 2 * (checked + num_checkpoints * kept + num_candidates * self.augmented_images)

    def feature_dim(self, model: Checkpoint, num_scales: int) -> int:
        """Channels of the map: scales are concatenated, or summed."""
        return model.dim * (num_scales if self.settings.merge == "concat" else 1)

    def kept_bytes(self, model: Checkpoint) -> int:
        """Bytes on the disk of one view at one scale, in float16."""
        return 2 * model.dim * prod(self._grid_hw(model))

    def head_macs(self, model: Checkpoint, num_scales: int) -> float:
        """Multiply-adds of a head: training steps, and forward passes on what is kept."""
        maps = STEP_PASSES * self.augmented_images + self.settings.seeds * self.kept_images
        options = {**self.data.head_arguments, **self.settings.head_options}
        options["in_channels"] = self.feature_dim(model, num_scales)
        return float(maps * count_head(self.settings.kind, self._grid_hw(model), **options))

    def memory_bytes(
        self, model: Checkpoint, *, num_kept: int, num_joined: int, num_candidates: int
    ) -> int:
        """Peak memory: held-out maps up to the limit of the settings; two batches in float32."""
        map_size = self.feature_dim(model, num_joined) * prod(self._grid_hw(model))
        held_out = min(self.settings.memory_bytes, 2 * map_size * self._num_held_out)
        return held_out + 2 * 4 * map_size * self._training.batch

    @property
    def _training(self) -> TrainSettings:
        assert self.settings.training is not None
        return self.settings.training

    @property
    def _num_held_out(self) -> int:
        return max(1, round(self.settings.held_out * self.data.num_train))

    def _num_views(self, views: ViewSettings) -> int:
        return len(views_of(self.data.image_hw, views))

    def _grid_hw(self, model: Checkpoint) -> HW:
        grid = self.settings.grid
        assert grid == "base" or not isinstance(grid, str)
        return model.grid_hw if grid == "base" else grid


def size_recipe(
    recipe: Recipe, settings: RunSettings | None = None, *, weights_dir: str | None = None
) -> RecipeSize:
    """Count what a recipe takes.

    Args:
        recipe: the recipe; its data say how many images there are.
        settings: settings of the comparison; None takes those of the recipe.
        weights_dir: folder of local weights, which are not downloaded; None is the hub.

    Raises:
        MissingExtraError: if the head needs a package that is not installed.
    """
    settings, data, entries = settings or recipe.settings(), recipe.data, recipe.entries
    dense = settings if isinstance(settings, MapSettings) else None
    work: DenseWork | ClassificationWork
    work = DenseWork(data, dense) if dense else ClassificationWork(data)
    split = dense.split if dense else True
    candidates = []
    scales: dict[Checkpoint, set[float]] = {}
    for entry in entries:
        scales.setdefault(entry.checkpoint, set()).update(entry.scales)
        num_tiles, macs = count_tiles(entry.checkpoint, entry.scales, split)
        candidates.append(
            CandidateSize(
                candidate=entry.candidate(weights_dir),
                num_tiles=num_tiles,
                macs=macs,
                feature_dim=work.feature_dim(entry.checkpoint, len(entry.scales)),
            )
        )
    kept = [count_tiles(model, tuple(sorted(needed)), split) for model, needed in scales.items()]
    kept_bytes = sum(work.kept_bytes(model) * len(needed) for model, needed in scales.items())
    memory_bytes = max(
        work.memory_bytes(
            entry.checkpoint,
            num_kept=len(scales[entry.checkpoint]),
            num_joined=len(entry.scales),
            num_candidates=len(entries),
        )
        for entry in entries
    )
    downloads = recipe.repositories if weights_dir is None else ()
    return RecipeSize(
        candidates=tuple(candidates),
        kept_images=work.kept_images,
        augmented_images=work.augmented_images,
        tiles=work.kept_images * sum(num_tiles for num_tiles, _ in kept)
        + work.augmented_images * sum(candidate.num_tiles for candidate in candidates),
        macs=work.kept_images * sum(macs for _, macs in kept)
        + work.augmented_images * sum(candidate.macs for candidate in candidates),
        head_macs=sum(work.head_macs(e.checkpoint, len(e.scales)) for e in entries),
        images_read=work.images_read(len(scales), len(candidates)),
        feature_bytes=work.kept_images * kept_bytes,
        download_bytes=round(1e9 * sum(c.download_gb for c in downloads)),
        memory_bytes=memory_bytes,
    )


@cache
def count_head(kind: HeadKind, grid_hw: HW, **options: Any) -> int:
    """Multiply-adds of a dense head for one map."""
    with torch.device("meta"):
        head = kind.make(**options)
    return count_scores(head.eval(), options["in_channels"], grid_hw, grid_hw).macs


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


def count_tiles(
    model: Checkpoint, scales: tuple[float, ...], split: bool = True
) -> tuple[int, float]:
    """Tiles of one image at these scales, and their multiply-adds."""
    levels = plan_levels(Tiling(scales=scales, split=split), (model.tile_px, model.tile_px))
    macs = sum(level.num_tiles * _tile_macs(model, level.tile_hw[0]) for level in levels)
    return sum(level.num_tiles for level in levels), macs


def _tile_macs(model: Checkpoint, side: int) -> float:
    """Multiply-adds of one square tile; convolutional models also take smaller ones."""
    if side < model.tile_px:
        return 1e9 * model.gmacs * (side / model.tile_px) ** 2
    return 1e9 * CHECKPOINTS[model.family, model.model, side].gmacs
