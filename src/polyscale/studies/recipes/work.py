"""How often backbones and heads of a recipe run, and what features take: where tasks differ."""

from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import TypeAlias

from polyscale.learning.heads.dense import TrainSettings
from polyscale.learning.heads.dense.views import ViewSettings, views_of
from polyscale.learning.heads.linear_probe import PAPER
from polyscale.studies.recipes.prepare import count_head
from polyscale.studies.recipes.recipe import Checkpoint, RecipeData
from polyscale.tasks import MapSettings, RunSettings
from polyscale.types import HW

PROBE_PASSES = 5
"""The paper's probe is trained on all images, and five times on four fifths of them."""

STEP_PASSES = 3
"""A training step in units of a head's forward pass: the gradients cost two more."""


@dataclass(frozen=True)
class ClassificationWork:
    """Features of every image are computed once; then probes are trained in memory."""

    data: RecipeData
    split: bool = True
    augmented_images: int = 0

    @property
    def kept_images(self) -> int:
        """Images whose features are computed once and kept: those of both splits."""
        return self.data.num_train + self.data.num_test

    def images_read(self, num_checkpoints: int, num_candidates: int) -> int:
        """Decoded images: all are checked once, and read once for each checkpoint."""
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
        self, model: Checkpoint, *, num_scales: int, num_joined: int, num_candidates: int
    ) -> int:
        """Peak memory: features of the model at each scale, and again side by side for a candidate.

        The probabilities of every candidate are kept as well, in float64.
        """
        columns = self.feature_dim(model, num_scales + num_joined)
        return self.kept_images * (4 * columns + 8 * self.data.num_classes * num_candidates)


@dataclass(frozen=True)
class DenseWork:
    """Features of test and held-out images are computed once, others at each training step."""

    data: RecipeData
    settings: MapSettings

    @property
    def split(self) -> bool:
        """Whether scales are cut into tiles."""
        return self.settings.split

    @cached_property
    def kept_images(self) -> int:
        """Views whose features are computed once and kept: of test and held-out images."""
        views = self.settings.views
        test = self.data.num_test * self._num_views(views)
        return test + self._num_held_out * self._num_views(replace(views, flip=False))

    @property
    def augmented_images(self) -> int:
        """Images in all training steps of one candidate."""
        return self._training.steps * self._training.batch * self.settings.seeds

    def images_read(self, num_checkpoints: int, num_candidates: int) -> int:
        """Decoded images and targets: all are checked once, and read when features are computed."""
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
        channels, grid_hw = self.feature_dim(model, num_scales), self._grid_hw(model)
        arguments = self.data.head_arguments
        return float(maps * count_head(self.settings, arguments, channels, grid_hw))

    def memory_bytes(
        self, model: Checkpoint, *, num_scales: int, num_joined: int, num_candidates: int
    ) -> int:
        """Peak memory: held-out maps up to the limit of the settings; two batches in float32."""
        map_size = self.feature_dim(model, num_joined) * prod(self._grid_hw(model))
        kept = min(self.settings.memory_bytes, 2 * map_size * self._num_held_out)
        return kept + 2 * 4 * map_size * self._training.batch

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
        assert grid != "largest"
        return model.grid_hw if grid == "base" else grid


Work: TypeAlias = ClassificationWork | DenseWork


def make_work(data: RecipeData, settings: RunSettings) -> Work:
    """The work of a recipe with these settings on so many images."""
    if isinstance(settings, MapSettings):
        return DenseWork(data, settings)
    return ClassificationWork(data)
