"""Images with a target for every pixel: classes or metres."""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, Int16
from numpy.typing import NDArray
from PIL import Image

from polyscale.data.classification import ReadImage
from polyscale.data.report import DataReport
from polyscale.errors import InputError
from polyscale.types import HW

IGNORED = -1
"""Label of a pixel that is neither learned from nor judged."""

Labels: TypeAlias = Int16[NDArray[np.int16], "h w"]
"""Class of each pixel, an index into the class names, or IGNORED."""

Depth: TypeAlias = Float[NDArray[np.float32], "h w"]
"""Metres along the optical axis; NaN where it is not known."""


@dataclass(frozen=True)
class DenseImages:
    """One split.

    Attributes:
        ids: name of each image, unique.
        sizes_hw: height and width of each image in pixels, upright.
        read: index of an image → 8-bit RGB, upright.
        target: index of an image → its `Labels` or `Depth`, at the image's own size; may be called
            from several threads.
        fingerprint: changes when any image changes, and with nothing else: features depend on it.
        target_fingerprint: changes when any target changes.
    """

    ids: tuple[str, ...]
    sizes_hw: tuple[HW, ...]
    read: ReadImage
    target: Callable[[int], NDArray]
    fingerprint: str
    target_fingerprint: str

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, indices: NDArray[np.integer]) -> "DenseImages":
        """Some of the images, in the order of the indices."""
        chosen = [int(i) for i in indices]
        read, target, words = self.read, self.target, repr(chosen).encode()

        def read_chosen(index: int, min_side: int | None = None) -> Image.Image:
            return read(chosen[index], min_side=min_side)

        return DenseImages(
            tuple(self.ids[i] for i in chosen),
            tuple(self.sizes_hw[i] for i in chosen),
            read_chosen,
            lambda index: target(chosen[index]),
            *(
                blake2b(words + found.encode(), digest_size=16).hexdigest()
                for found in (self.fingerprint, self.target_fingerprint)
            ),
        )


@dataclass(frozen=True, kw_only=True)
class SegmentationData:
    """A data set for semantic segmentation.

    Attributes:
        name: what the user called it.
        class_names: in the order of the labels.
        train: what heads learn from.
        test: what they are judged on.
        about: where the split comes from, in words.
        report: what was found wrong with it.
    """

    name: str
    class_names: tuple[str, ...]
    train: DenseImages
    test: DenseImages
    about: str
    report: DataReport = field(default_factory=DataReport)

    def __post_init__(self) -> None:
        if len(self.class_names) < 2:
            raise InputError(
                f"data {self.name} must have at least two classes, but has only "
                f"{', '.join(self.class_names) or 'none'}."
            )
        _check_splits(self.name, self.train, self.test)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should be warned about, as sentences."""
        return self.report.notes


@dataclass(frozen=True, kw_only=True)
class DepthData:
    """A data set for depth from one image.

    Attributes:
        name: what the user called it.
        train: what heads learn from.
        test: what they are judged on.
        about: where the split comes from, in words.
        report: what was found wrong with it.
        min_depth_m: nearer pixels are neither learned from nor judged.
        max_depth_m: likewise farther ones; heads predict no more than this.
        crop_yxyx: part of the test images that is judged, as shares of height and width (top,
            left, bottom, right): the Eigen crop of NYUv2; None judges all of them.
    """

    name: str
    train: DenseImages
    test: DenseImages
    about: str
    report: DataReport = field(default_factory=DataReport)
    min_depth_m: float = 1e-3
    max_depth_m: float = 10.0
    crop_yxyx: tuple[float, float, float, float] | None = None

    def __post_init__(self) -> None:
        if not 0 < self.min_depth_m < self.max_depth_m:
            raise InputError(
                "min_depth_m must be above 0 and below max_depth_m, but got "
                f"{self.min_depth_m:g} and {self.max_depth_m:g}."
            )
        _check_splits(self.name, self.train, self.test)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should be warned about, as sentences."""
        return self.report.notes


DenseData: TypeAlias = SegmentationData | DepthData


def _check_splits(name: str, train: DenseImages, test: DenseImages) -> None:
    for split, images in (("train", train), ("test", test)):
        if not len(images):
            raise InputError(f"data {name} has no {split} images. Add some.")
