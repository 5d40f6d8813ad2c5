"""Data sets: images for training and for testing, each with a target, and what was found wrong.

A target is a value for each image (its class, several labels, a number) or one for each pixel
(classes or metres).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, ClassVar, Generic, Protocol, TypeAlias, TypeVar

import numpy as np
from jaxtyping import Float, Int16
from numpy.typing import NDArray
from PIL import Image

from polyscale.errors import InputError
from polyscale.records import DataReport
from polyscale.types import HW

MIN_TRAIN = 2
"""Images needed for training, of each class where there are classes: one to fit and one to choose
settings with."""

MIN_DRAWN = MIN_TRAIN + 1
"""Images that each class needs where its test images are drawn from them."""

IGNORED = -1
"""Label of a pixel that is neither trained on nor tested."""

Labels: TypeAlias = Int16[np.ndarray, "h w"]
"""Class of each pixel, an index into the class names, or IGNORED."""

Depth: TypeAlias = Float[np.ndarray, "h w"]
"""Metres along the optical axis; NaN where the depth is not known."""


class ReadImage(Protocol):
    """Gives one image of a split; may be called from several threads."""

    def __call__(self, index: int, min_side: int | None = None) -> Image.Image:
        """Decode an image as 8-bit RGB, upright.

        `min_side` is a side in pixels that is enough, see `read_image`. It changes the pixels, so
        it belongs to the key of whatever is kept of them.
        """
        ...


@dataclass(frozen=True)
class LabelledImages:
    """One split whose images have one target each.

    Attributes:
        ids: name of each image, unique.
        targets: class of each image, an index into the class names, int64 (num_images,); or which
            labels it has, bool (num_images, num_classes); or its number, float64 (num_images,).
        read: index of an image → 8-bit RGB.
        fingerprint: changes when any image changes, and with nothing else.
    """

    ids: tuple[str, ...]
    targets: NDArray[Any]
    read: ReadImage
    fingerprint: str

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def labels(self) -> NDArray[np.int64]:
        """The targets, as classification calls them."""
        return self.targets

    def take(self, indices: NDArray[np.integer]) -> "LabelledImages":
        """The images at the indices, in their order."""
        chosen = [int(i) for i in indices]
        return LabelledImages(
            tuple(self.ids[i] for i in chosen),
            self.targets[chosen],
            read_chosen(self.read, chosen),
            changed_fingerprint(self.fingerprint, chosen),
        )


@dataclass(frozen=True)
class DenseImages:
    """One split with a target for every pixel.

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
        """The images at the indices, in their order."""
        chosen = [int(i) for i in indices]
        return DenseImages(
            tuple(self.ids[i] for i in chosen),
            tuple(self.sizes_hw[i] for i in chosen),
            read_chosen(self.read, chosen),
            lambda index: self.target(chosen[index]),
            changed_fingerprint(self.fingerprint, chosen),
            changed_fingerprint(self.target_fingerprint, chosen),
        )


def read_chosen(read: ReadImage, chosen: Sequence[int]) -> ReadImage:
    """Reads the images at the chosen indices, by their place among them."""

    def read_one(index: int, min_side: int | None = None) -> Image.Image:
        return read(chosen[index], min_side=min_side)

    return read_one


def changed_fingerprint(fingerprint: str, chosen: Sequence[int]) -> str:
    """The fingerprint of the images at the chosen indices."""
    words = repr(chosen) + fingerprint
    return blake2b(words.encode(), digest_size=16).hexdigest()


class ImageSplit(Protocol):
    """What every class of training or test images has, whatever the task."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Name of each, unique."""
        ...

    def __len__(self) -> int: ...


Split = TypeVar("Split", bound=ImageSplit)


@dataclass(frozen=True, kw_only=True)
class DataSet(Generic[Split]):
    """Two splits of images with targets.

    Attributes:
        name: what the user called it.
        train: what heads and probes are trained on.
        test: what they are tested on.
        about: where the split comes from, in words.
        report: what was found wrong with the data.
        is_drawn: whether the test images were drawn at random from all images; False if the split
            comes with the data.
        num_unlimited: images from which a limit drew: those of the test split, or all where the
            test images are drawn; None without a limit.
        needs_train: whether there must be something to train on.
    """

    needs_train: ClassVar[bool] = True

    name: str
    train: Split
    test: Split
    about: str
    report: DataReport = field(default_factory=DataReport)
    is_drawn: bool = False
    num_unlimited: int | None = None

    def __post_init__(self) -> None:
        for split, images in (("train", self.train), ("test", self.test)):
            if not len(images) and (self.needs_train or split == "test"):
                raise InputError(f"data {self.name} has no {split} images. Add some.")

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should be warned about, as sentences."""
        return self.report.notes


@dataclass(frozen=True, kw_only=True)
class ClassificationData(DataSet[LabelledImages]):
    """A data set for classification: one class an image, an index into the class names."""

    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        _check_classes(self.name, self.class_names, " Put each class into a folder of its own.")
        super().__post_init__()
        counts = np.bincount(self.train.labels, minlength=len(self.class_names))
        if counts.min() < MIN_TRAIN:
            rare = self.class_names[int(counts.argmin())]
            raise InputError(
                f"data {self.name}: each class needs at least {MIN_TRAIN} images to train on, but "
                f"{rare!r} has {counts.min()}. Add images, or take the class out."
            )


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """Images that a backbone is pre-trained on, with none to test on.

    Attributes:
        name: what the user called it.
        train: the images; where there are no classes, all have class 0.
        class_names: empty where there are no classes.
        group_sizes: of images that lie together, such as those of a shard, in order; empty where
            any image is read as fast as its neighbour.
    """

    name: str
    train: LabelledImages
    class_names: tuple[str, ...] = ()
    group_sizes: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MultiLabelData(DataSet[LabelledImages]):
    """A data set with any number of labels an image, none included.

    The class names are those of the labels, in the order of the targets' columns. Each is the label
    of at least one training image.
    """

    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.class_names:
            raise InputError(
                f"data {self.name} must have labels on training images, but has none. Add labels, "
                "or check the column's name and the separator."
            )


@dataclass(frozen=True, kw_only=True)
class NumberData(DataSet[LabelledImages]):
    """A data set with a number for each image."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.train.targets == self.train.targets[0]).all():
            raise InputError(
                f"data {self.name} must have different numbers to train on, but all are "
                f"{self.train.targets[0]:g}. Check the column's name."
            )


@dataclass(frozen=True, kw_only=True)
class SegmentationData(DataSet[DenseImages]):
    """A data set for semantic segmentation: a class for every pixel, see `Labels`."""

    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        _check_classes(self.name, self.class_names)
        super().__post_init__()


@dataclass(frozen=True, kw_only=True)
class DepthData(DataSet[DenseImages]):
    """A data set for depth from one image: metres for every pixel.

    Attributes:
        min_depth_m: nearer pixels are neither trained on nor tested.
        max_depth_m: likewise farther ones; heads predict no more than this.
        crop_yxyx: part of the test images that is tested, as shares of height and width (top,
            left, bottom, right): the Eigen crop of NYUv2; None tests all of them.
    """

    min_depth_m: float = 1e-3
    max_depth_m: float = 10.0
    crop_yxyx: tuple[float, float, float, float] | None = None

    def __post_init__(self) -> None:
        if not 0 < self.min_depth_m < self.max_depth_m:
            raise InputError(
                "min_depth_m must be above 0 and below max_depth_m, but got "
                f"{self.min_depth_m:g} and {self.max_depth_m:g}."
            )
        super().__post_init__()


DenseData: TypeAlias = SegmentationData | DepthData


def _check_classes(name: str, class_names: tuple[str, ...], advice: str = "") -> None:
    if len(class_names) < 2:
        raise InputError(
            f"data {name} must have at least two classes, but has only "
            f"{', '.join(class_names) or 'none'}.{advice}"
        )
