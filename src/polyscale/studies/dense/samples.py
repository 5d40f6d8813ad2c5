"""What a backbone sees of a data set: views of its images, and what is known of their pixels."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from hashlib import blake2b
from math import ceil
from os import cpu_count

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from polyscale.data import DenseImages
from polyscale.heads.dense.views import View, ViewSettings, cut, views_of
from polyscale.types import HW

READERS = min(4, cpu_count() or 1)
"""Threads that decode targets."""


@dataclass(frozen=True)
class Samples:
    """Views of images, one after the other.

    Attributes:
        images: where they come from.
        image: index of the image that each view shows.
        views: the part of it, and whether it is mirrored.
    """

    images: DenseImages
    image: tuple[int, ...]
    views: tuple[View, ...]

    @classmethod
    def of(cls, images: DenseImages, settings: ViewSettings) -> "Samples":
        """Every view of every image."""
        pairs = [
            (i, view)
            for i, image_hw in enumerate(images.sizes_hw)
            for view in views_of(image_hw, settings)
        ]
        return cls(images, tuple(i for i, _ in pairs), tuple(view for _, view in pairs))

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
        chosen = indices.tolist()
        return Samples(
            self.images,
            tuple(self.image[i] for i in chosen),
            tuple(self.views[i] for i in chosen),
        )

    def of_image(self, index: int) -> list[int]:
        """The views of an image."""
        found = np.searchsorted(self.image, [index, index + 1])
        return list(range(*found))

    def read(self, index: int, min_side: int | None = None) -> Image.Image:
        """A view as 8-bit RGB; `min_side` is enough for its shorter side."""
        i, view = self.image[index], self.views[index]
        if self._is_whole(index):
            return self.images.read(i, min_side=min_side)
        height, width = self.images.sizes_hw[i]
        top, left, bottom, right = view.box_yxyx
        share = max(height / (bottom - top), width / (right - left))
        image = self.images.read(i, min_side=None if min_side is None else ceil(min_side * share))
        # it may have been decoded smaller
        y, x = image.height / height, image.width / width
        box = (round(top * y), round(left * x), round(bottom * y), round(right * x))
        return cut(image, replace(view, box_yxyx=box))

    def target(self, index: int) -> NDArray:
        """What is known of the pixels of a view."""
        i, view = self.image[index], self.views[index]
        top, left, bottom, right = view.box_yxyx
        target = self.images.target(i)[top:bottom, left:right]
        return target[:, ::-1] if view.flipped else target

    def _is_whole(self, index: int) -> bool:
        view = self.views[index]
        height, width = self.images.sizes_hw[self.image[index]]
        return view.box_yxyx == (0, 0, height, width) and not view.flipped


class RasterTargets:
    """Targets of samples on a raster of one size, by their nearest pixels.

    Read once and kept where they fit, else read for every batch.

    Args:
        samples: whose targets.
        raster_hw: rows and columns.
        memory_bytes: what they may take.
    """

    def __init__(self, samples: Samples, raster_hw: HW, *, memory_bytes: int) -> None:
        self._samples, self._raster_hw = samples, raster_hw
        self._kept: NDArray | None = None
        first = self._raster(0)
        if first.nbytes * len(samples) <= memory_bytes:
            self._kept = self._read(range(len(samples)))

    def __len__(self) -> int:
        return len(self._samples)

    def take(self, indices: NDArray[np.integer]) -> NDArray:
        """Of some samples (num, raster_h, raster_w)."""
        if self._kept is not None:
            return self._kept[indices]
        return self._read(indices.tolist())

    def _read(self, indices: Sequence[int]) -> NDArray:
        with ThreadPoolExecutor(READERS) as readers:
            return np.stack(list(readers.map(self._raster, indices)))

    def _raster(self, index: int) -> NDArray:
        return nearest(self._samples.target(index), self._raster_hw)


def nearest(target: NDArray, raster_hw: HW) -> NDArray:
    """A target by the pixels at the centres of a raster's cells."""
    rows, columns = (
        ((np.arange(num) + 0.5) * size / num).astype(np.int64)
        for num, size in zip(raster_hw, target.shape, strict=True)
    )
    return target[np.ix_(rows, columns)]
