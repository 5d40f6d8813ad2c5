"""What there is to do for a recipe of segmentation or depth."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from io import BytesIO
from math import prod
from typing import Any

import numpy as np
import torch
from PIL import Image

from polyscale.data.dense.sources import list_dense
from polyscale.data.listing import Files
from polyscale.errors import InputError
from polyscale.heads.dense import HeadKind, TrainSettings
from polyscale.heads.dense.views import ViewSettings, views_of
from polyscale.studies.recipes.task import Choices, Listed
from polyscale.studies.recipes.work import Counts, Held, Tile
from polyscale.tasks import DepthSettings, MapSettings, SegmentationSettings
from polyscale.tasks.maps.predictor import count_scores
from polyscale.types import HW
from polyscale.types.recipe import Recipe

BACKWARD = 2
"""Multiply-adds of the gradients of a head, in those of its forward pass."""

NUM_SIZES = 16
"""Images whose size is read."""

MIN_LIMIT = 2
"""Training images: one to learn from, and one that is held out."""


@dataclass(frozen=True)
class DenseWork:
    """Test and held-out images once for each scale; training images anew at every step."""

    recipe: Recipe
    settings: MapSettings
    counts: Counts

    @property
    def split(self) -> bool:
        """Whether scales are cut into tiles."""
        return self.settings.split

    @cached_property
    def kept_images(self) -> int:
        """Views of the test images, and of the training images that are held out."""
        test = _num_views(self.counts.image_hw, self.settings.views)
        train = _num_views(self.counts.image_hw, replace(self.settings.views, flip=False))
        return self.counts.num_test * test + self._num_held * train

    @property
    def trained_images(self) -> int:
        """Of all steps of all trainings of its head."""
        training = self._training
        return training.steps * training.batch * self.settings.seeds

    def images_read(self, num_checkpoints: int, num_candidates: int) -> int:
        """All to look at them, kept ones for each checkpoint, those of steps for each candidate.

        Each time with its target.
        """
        all_images = self.counts.num_train + self.counts.num_test
        kept = self.counts.num_test + self._num_held
        return 2 * (all_images + num_checkpoints * kept + num_candidates * self.trained_images)

    def columns(self, tile: Tile, num_scales: int) -> int:
        """Side by side, or summed."""
        return tile.dim * (num_scales if self.settings.merge == "concat" else 1)

    def kept_bytes(self, tile: Tile) -> int:
        """In float16."""
        return 2 * tile.dim * prod(self._grid_hw(tile))

    def head_macs(self, tile: Tile, num_scales: int) -> float:
        """Forwards and backwards at every step, forwards for what is kept."""
        passes = (1 + BACKWARD) * self.trained_images + self.settings.seeds * self.kept_images
        return float(passes * self._count_head(self.columns(tile, num_scales), self._grid_hw(tile)))

    def memory_bytes(self, held: Sequence[Held], num_candidates: int) -> int:
        """Held-out maps as far as settings let them, and two batches in float32."""
        most = 0
        for own in held:
            map_bytes = self.columns(own.tile, own.num_joined) * prod(self._grid_hw(own.tile))
            kept = min(self.settings.memory_bytes, 2 * map_bytes * self._num_held)
            most = max(most, kept + 2 * 4 * map_bytes * self._training.batch)
        return most

    def head_macs_per_s(self, device: torch.device) -> float | None:
        """As fast as backbones."""
        return None

    def trial(self, memory_bytes: int) -> str:
        """Fewer images and steps."""
        return "a trial is --limit N, images of each split, and --steps N, of each head"

    def advice(self, memory_bytes: int, there_bytes: int) -> str:
        """Nothing shrinks it but another machine: what is held does not grow with the images."""
        return "Take a larger machine."

    @property
    def _training(self) -> TrainSettings:
        assert self.settings.training is not None
        return self.settings.training

    @property
    def _num_held(self) -> int:
        return max(1, round(self.settings.held_out * self.counts.num_train))

    def _grid_hw(self, tile: Tile) -> HW:
        grid = self.settings.grid
        assert grid != "largest"
        return tile.grid_hw if grid == "base" else grid

    def _count_head(self, channels: int, grid_hw: HW) -> int:
        settings, arguments = self.settings, self.recipe.data.head_arguments
        options = {"in_channels": channels, **arguments, **settings.head_options}
        return _head_macs(settings.kind, tuple(options.items()), grid_hw)


@cache
def _head_macs(kind: HeadKind, options: tuple[tuple[str, Any], ...], grid_hw: HW) -> int:
    """Multiply-adds of a head for one map, by its kind and its arguments."""
    arguments = dict(options)
    with torch.device("meta"):
        module = kind.make(**arguments)
    return count_scores(module.eval(), arguments["in_channels"], grid_hw, grid_hw).macs


@dataclass(frozen=True)
class DensePrediction:
    """The study of segmentation and depth."""

    refused: tuple[str, ...] = ("per_class",)

    def settings(self, recipe: Recipe, choices: Choices) -> MapSettings:
        """With the paper's head; fewer steps have as large a share of warm-up."""
        kind = DepthSettings if recipe.task == "depth" else SegmentationSettings
        settings = kind(**{**recipe.options, **choices.shared})
        return settings if choices.steps is None else settings.with_steps(choices.steps)

    def list(self, recipe: Recipe, path: str, choices: Choices) -> Listed:
        """The data by their names, and the size of a few test images."""
        limit = choices.limit
        if limit is not None and limit < MIN_LIMIT:
            raise InputError(f"limit must be at least {MIN_LIMIT}, but got {limit}.")
        data = f"{recipe.data.scheme}:{path}"
        if limit is not None:
            data = f"{data}{'&' if '?' in path else '?'}limit={limit}"
        catalogue = list_dense(data, recipe.task, seed=choices.seed)
        assert catalogue.test is not None
        test = catalogue.test.images
        counts = Counts(
            num_train=len(catalogue.train),
            num_test=len(test),
            num_classes=recipe.data.num_classes,
            image_hw=_typical_hw(test) or recipe.data.image_hw,
        )
        return Listed(data, catalogue.train.images, counts)

    def work(self, recipe: Recipe, settings: MapSettings, counts: Counts) -> DenseWork:
        """What there is to do."""
        return DenseWork(recipe, settings, counts)


def _num_views(image_hw: HW, settings: ViewSettings) -> int:
    return len(views_of(image_hw, settings))


def _typical_hw(files: Files) -> HW | None:
    """Of some images that lie evenly over the split, the one of middling shape; headers alone."""
    sizes: list[HW] = []
    for index in np.linspace(0, len(files.ids) - 1, min(NUM_SIZES, len(files.ids))).astype(int):
        content = files.content(int(index))
        try:
            with Image.open(BytesIO(content) if isinstance(content, bytes) else content) as image:
                sizes.append((image.height, image.width))
        except OSError:  # the run will tell
            continue
    return sorted(sizes, key=lambda hw: max(hw) / min(hw))[len(sizes) // 2] if sizes else None
