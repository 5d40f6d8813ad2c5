"""Which training images heads learn from, and which choose among candidates."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from polyscale.studies.dense.plan import DensePlan
from polyscale.studies.dense.samples import RasterTargets, Samples
from polyscale.types import HW, Backbone


@dataclass(frozen=True)
class Lesson:
    """What all heads of a run learn from.

    Attributes:
        samples: views of the training images whose maps are wanted: all of them, or, where images
            are altered anew for every batch, those that are held out.
        learn: indices of the samples that heads learn from; empty where images are altered.
        held: indices of the samples that choose among candidates.
        images: indices of the training images that heads learn from.
    """

    samples: Samples
    learn: NDArray[np.int64]
    held: NDArray[np.int64]
    images: NDArray[np.int64]


def make_lesson(plan: DensePlan) -> Lesson:
    """Draw the held-out images by the seed of the run; views of an image stay together."""
    settings, train = plan.settings, plan.data.train
    order = np.random.default_rng(settings.seed).permutation(len(train))
    num_held = max(1, round(settings.held_out * len(train)))
    held, learn = np.sort(order[:num_held]), np.sort(order[num_held:])
    # heads learn from what they will see: the same windows, but no mirror images
    samples = Samples.of(train, replace(settings.views, flip=False))
    is_held = np.isin(samples.image, held)
    if settings.augment is None:
        return Lesson(samples, np.flatnonzero(~is_held), np.flatnonzero(is_held), learn)
    kept = samples.take(np.flatnonzero(is_held))
    return Lesson(kept, np.zeros(0, np.int64), np.arange(len(kept)), learn)


def raster_targets(plan: DensePlan, lesson: Lesson, backbone: Backbone) -> RasterTargets:
    """Targets of the samples, on a raster of the aspect of the backbone's tiles."""
    settings = plan.settings
    raster_hw = raster_size(backbone.tile_hw, settings.label_px)
    return RasterTargets(lesson.samples, raster_hw, memory_bytes=settings.memory_bytes)


def raster_size(tile_hw: HW, longer_px: int) -> HW:
    """Rows and columns."""
    height, width = (max(1, round(longer_px * side / max(tile_hw))) for side in tile_hw)
    return height, width
