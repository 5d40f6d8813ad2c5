"""Images with one class each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from polyscale.errors import InputError

MIN_TRAIN = 2
"""Images that each class needs for training: one to learn from and one to choose with."""


@dataclass(frozen=True)
class LabelledImages:
    """One split.

    Attributes:
        ids: name of each image, unique.
        labels: class of each image, an index into the class names (num_images,).
        read: index of an image → 8-bit RGB.
        fingerprint: changes when any image changes.
    """

    ids: tuple[str, ...]
    labels: NDArray[np.int64]
    read: Callable[[int], Image.Image]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class ClassificationData:
    """A data set for classification.

    Attributes:
        name: what the user called it.
        class_names: in the order of the labels.
        train: what probes learn from.
        test: what they are judged on.
        about: where the split comes from, in words.
    """

    name: str
    class_names: tuple[str, ...]
    train: LabelledImages
    test: LabelledImages
    about: str

    def __post_init__(self) -> None:
        if len(self.class_names) < 2:
            raise InputError(
                f"data {self.name} must have at least two classes, but has only "
                f"{', '.join(self.class_names) or 'none'}. Put each class into a folder of its own."
            )
        for split, images in (("train", self.train), ("test", self.test)):
            if not len(images):
                raise InputError(f"data {self.name} has no {split} images. Add some.")
        _check_counts(self.name, self.class_names, self.train.labels)


def _check_counts(name: str, class_names: Sequence[str], labels: NDArray[np.int64]) -> None:
    counts = np.bincount(labels, minlength=len(class_names))
    if counts.min() < MIN_TRAIN:
        rare = class_names[int(counts.argmin())]
        raise InputError(
            f"data {name}: each class needs at least {MIN_TRAIN} images to train on, but {rare!r} "
            f"has {counts.min()}. Add images, or take the class out."
        )
