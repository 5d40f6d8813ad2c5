"""Another draw of the images: a new split, or a part of the training images."""

from collections.abc import Sequence
from dataclasses import dataclass, is_dataclass, replace
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from polyscale.data.dataset import MIN_TRAIN, LabelledImages
from polyscale.data.listing import in_drawn_order, is_drawn_for_test
from polyscale.errors import InputError
from polyscale.records import DrawKind

NEEDED = ("ids", "targets", "read", "fingerprint")
"""What images must have so that others can be drawn: the fields of `LabelledImages`."""


@dataclass(frozen=True, eq=False)
class Draw:
    """A data set of which other images are trained on.

    Attributes:
        seed: of the draw.
        data: the images, as they are divided now.
        train: which images are trained on: indices into the training images of the whole data
            set, followed by its test images (num_train,).
        test: which images are tested on, likewise (num_test,).
    """

    seed: int
    data: Any
    train: NDArray[np.int64]
    test: NDArray[np.int64]


def draw_kind(data: Any) -> DrawKind:
    """What can be drawn again: a split that comes with the data may have a reason, and stays."""
    return "split" if getattr(data, "is_drawn", False) else "training"


def draw_again(data: Any, *, seed: int) -> Draw:
    """Draw another split as this seed would, or another part of the training images.

    If the data have a split of their own, half of its training images are drawn, at least two of
    each class. Half-samples differ from each other about as much as new training sets of the full
    size would (McCarthy 1969).

    Args:
        data: a dataclass such as `DataSet`, whose images have one target each.
        seed: of the draw.

    Raises:
        InputError: if the data are of another kind, or the images that are drawn can't be used.
    """
    parts = [getattr(data, split) for split in ("train", "test")] if is_dataclass(data) else [data]
    if not all(hasattr(images, name) for images in parts for name in NEEDED):
        raise InputError(
            f"data {getattr(data, 'name', data)!r} must be a dataclass whose splits have "
            f"{', '.join(NEEDED)}, so that other images can be drawn. Leave repeats out."
        )
    whole = _join(*(LabelledImages(*(getattr(p, name) for name in NEEDED)) for p in parts))
    classes = _classes(whole.targets, has_names=hasattr(data, "class_names"))
    if draw_kind(data) == "split":
        is_test = is_drawn_for_test(whole.ids, classes, seed=seed)
        train, test = np.flatnonzero(~is_test), np.flatnonzero(is_test)
    else:
        num_train = len(data.train)
        train = _draw_half(whole.ids[:num_train], classes[:num_train], seed)
        test = np.arange(num_train, len(whole))
    divided = replace(data, train=whole.take(train), test=whole.take(test))
    return Draw(seed, divided, train, test)


def _classes(targets: NDArray[Any], *, has_names: bool) -> NDArray[np.int64]:
    """Class of each image; 0 for all of them where an image has no single class."""
    is_class = has_names and targets.dtype == np.int64 and targets.ndim == 1
    return targets if is_class else np.zeros(len(targets), np.int64)


def _draw_half(ids: Sequence[str], classes: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Indices of half of the images of each class, and of at least `MIN_TRAIN`."""
    order = in_drawn_order(ids, classes, f"train {seed}")
    return np.sort(np.concatenate([m[: max(MIN_TRAIN, round(len(m) / 2))] for m in order]))


def _join(first: LabelledImages, second: LabelledImages) -> LabelledImages:
    """The images of both, in this order."""

    def read(index: int, min_side: int | None = None) -> Image.Image:
        images, own = (first, index) if index < len(first) else (second, index - len(first))
        return images.read(own, min_side=min_side)

    words = first.fingerprint + second.fingerprint
    return LabelledImages(
        (*first.ids, *second.ids),
        np.concatenate([np.asarray(first.targets), np.asarray(second.targets)]),
        read,
        blake2b(words.encode(), digest_size=16).hexdigest(),
    )
