"""Views of images and their targets: to learn from, held out, and to test on."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import chain
from math import ceil
from os import cpu_count

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from polyscale.data import DenseData, DenseImages, Draw
from polyscale.learning.heads.dense.views import View, ViewSettings, cut, views_of
from polyscale.tasks.maps.settings import MapSettings
from polyscale.types import HW

READERS = min(4, cpu_count() or 1)
"""Threads that decode targets."""


@dataclass(frozen=True)
class Samples:
    """Views of images, one after the other: `image` is the index of the image that each shows."""

    images: DenseImages
    image: tuple[int, ...]
    views: tuple[View, ...]

    @classmethod
    def of(cls, images: DenseImages, settings: ViewSettings) -> "Samples":
        """Every view of every image."""
        each = [views_of(image_hw, settings) for image_hw in images.sizes_hw]
        image = tuple(i for i, views in enumerate(each) for _ in views)
        return cls(images, image, tuple(chain.from_iterable(each)))

    def __len__(self) -> int:
        return len(self.image)

    @property
    def fingerprint(self) -> str:
        """Changes when any image or view changes; whole images have that of the images."""
        if all(self._is_whole(i) for i in range(len(self))) and len(self) == len(self.images):
            return self.images.fingerprint
        digest = blake2b(self.images.fingerprint.encode(), digest_size=16)
        for i, view in zip(self.image, self.views, strict=True):
            digest.update(repr((i, view.box_yxyx, view.flipped)).encode())
        return digest.hexdigest()

    def take(self, indices: NDArray[np.integer]) -> "Samples":
        """Some of the views, in the order of the indices."""
        image, views = ([own[i] for i in indices] for own in (self.image, self.views))
        return Samples(self.images, tuple(image), tuple(views))

    def of_image(self, index: int) -> NDArray[np.int64]:
        """Indices of the views of an image."""
        return np.arange(*np.searchsorted(self.image, [index, index + 1]))

    def read(self, index: int, min_side: int | None = None) -> Image.Image:
        """A view as 8-bit RGB; `min_side` is enough for its shorter side."""
        i, view = self.image[index], self.views[index]
        if self._is_whole(index):
            return self.images.read(i, min_side=min_side)
        image_hw = self.images.sizes_hw[i]
        if min_side is not None:
            min_side = ceil(min_side * max(a / b for a, b in zip(image_hw, view.hw, strict=True)))
        image = self.images.read(i, min_side=min_side)
        return cut(image, view.on((image.height, image.width), image_hw))

    def target(self, index: int) -> NDArray:
        """What is known of the pixels of a view."""
        view = self.views[index]
        top, left, bottom, right = view.box_yxyx
        target = self.images.target(self.image[index])[top:bottom, left:right]
        return target[:, ::-1] if view.flipped else target

    def _is_whole(self, index: int) -> bool:
        return self.views[index] == View((0, 0, *self.images.sizes_hw[self.image[index]]))


class RasterTargets:
    """Targets of samples on a raster of one size, by their nearest pixels.

    They are read once where they fit into `memory_bytes`, or else for every batch.
    """

    def __init__(self, samples: Samples, raster_hw: HW, *, memory_bytes: int) -> None:
        self._samples, self._raster_hw = samples, raster_hw
        fits = self._raster(0).nbytes * len(samples) <= memory_bytes
        self._kept = self._read(range(len(samples))) if fits else None

    def __len__(self) -> int:
        return len(self._samples)

    def take(self, indices: NDArray[np.integer]) -> NDArray:
        """Of some samples (num, raster_h, raster_w)."""
        return self._read(indices.tolist()) if self._kept is None else self._kept[indices]

    def _read(self, indices: Sequence[int]) -> NDArray:
        with ThreadPoolExecutor(READERS) as readers:
            return np.stack(list(readers.map(self._raster, indices)))

    def _raster(self, index: int) -> NDArray:
        return nearest(self._samples.target(index), self._raster_hw)


@dataclass(frozen=True)
class MapSplit:
    """Training, held-out and test samples, shared by all candidates.

    Attributes:
        train: views of the training images whose maps are wanted: all of them, or, where images
            are altered anew for every batch, those that are held out.
        test: every view of every test image.
        learn: indices of the samples in `train` that heads learn from; empty where images are
            altered.
        held: indices of the samples in `train` that choose among candidates.
        images: indices of the training images that heads learn from.
        rasters: size of a raster → targets of `train` on it, filled as they are asked for.
    """

    train: Samples
    test: Samples
    learn: NDArray[np.int64]
    held: NDArray[np.int64]
    images: NDArray[np.int64]
    rasters: dict[HW, RasterTargets] = field(default_factory=dict)

    @classmethod
    def of(cls, data: DenseData, settings: MapSettings) -> "MapSplit":
        """Draw the held-out images by the seed of the run; views of an image stay together."""
        order = np.random.default_rng(settings.seed).permutation(len(data.train))
        num_held = max(1, round(settings.held_out * len(data.train)))
        held, learn = np.sort(order[:num_held]), np.sort(order[num_held:])
        test = Samples.of(data.test, settings.views)
        # heads learn from what they will see: the same windows, but no mirror images
        samples = Samples.of(data.train, replace(settings.views, flip=False))
        is_held = np.isin(samples.image, held)
        if settings.augment is None:
            return cls(samples, test, np.flatnonzero(~is_held), np.flatnonzero(is_held), learn)
        kept = samples.take(np.flatnonzero(is_held))
        return cls(kept, test, np.zeros(0, np.int64), np.arange(len(kept)), learn)

    def places(self, draw: Draw, drawn: "MapSplit") -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where the training and test samples of a draw are: indices into `train`, then `test`."""
        test_image = (len(self.train.images) + i for i in self.test.image)
        shown = zip(
            chain(self.train.image, test_image), self.train.views + self.test.views, strict=True
        )
        place = {sample: index for index, sample in enumerate(shown)}

        def find(samples: Samples, images: NDArray[np.int64]) -> NDArray[np.int64]:
            chosen = zip(images[list(samples.image)].tolist(), samples.views, strict=True)
            return np.array([place[sample] for sample in chosen])

        return find(drawn.train, draw.train), find(drawn.test, draw.test)

    def raster(self, tile_hw: HW, settings: MapSettings) -> RasterTargets:
        """Targets of `train` on a raster of the tiles' aspect, read once for each aspect."""
        height, width = (max(1, round(settings.label_px * s / max(tile_hw))) for s in tile_hw)
        if (height, width) not in self.rasters:
            self.rasters[height, width] = RasterTargets(
                self.train, (height, width), memory_bytes=settings.memory_bytes
            )
        return self.rasters[height, width]


def nearest(target: NDArray, raster_hw: HW) -> NDArray:
    """A target by the pixels at the centres of a raster's cells."""
    rows, columns = (
        ((np.arange(num) + 0.5) * size / num).astype(np.int64)
        for num, size in zip(raster_hw, target.shape, strict=True)
    )
    return target[np.ix_(rows, columns)]
