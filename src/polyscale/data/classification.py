"""Images with one class each."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from polyscale.data.report import DataReport
from polyscale.errors import InputError

MIN_TRAIN = 2
"""Images that each class needs for training: one to learn from and one to choose with."""


class ReadImage(Protocol):
    """Gives one image of a split; may be called from several threads."""

    def __call__(self, index: int, min_side: int | None = None) -> Image.Image:
        """Decode an image as 8-bit RGB, upright.

        Args:
            index: of the image.
            min_side: a side in pixels that is enough, see `read_image`. It changes the pixels, so
                it belongs to the key of whatever is kept of them.
        """
        ...


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
    read: ReadImage
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
        report: what was found wrong with it.
    """

    name: str
    class_names: tuple[str, ...]
    train: LabelledImages
    test: LabelledImages
    about: str
    report: DataReport = field(default_factory=DataReport)

    def __post_init__(self) -> None:
        if len(self.class_names) < 2:
            raise InputError(
                f"data {self.name} must have at least two classes, but has only "
                f"{', '.join(self.class_names) or 'none'}. Put each class into a folder of its own."
            )
        for split, images in (("train", self.train), ("test", self.test)):
            if not len(images):
                raise InputError(f"data {self.name} has no {split} images. Add some.")
        counts = np.bincount(self.train.labels, minlength=len(self.class_names))
        if counts.min() < MIN_TRAIN:
            rare = self.class_names[int(counts.argmin())]
            raise InputError(
                f"data {self.name}: each class needs at least {MIN_TRAIN} images to train on, but "
                f"{rare!r} has {counts.min()}. Add images, or take the class out."
            )

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should be warned about, as sentences."""
        return self.report.notes
