"""Another draw of the images: a new split, or a part of the training images."""

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
"""What images must have so that others can be drawn."""


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
    if not is_dataclass(data) or not all(hasattr(data.train, name) for name in NEEDED):
        raise InputError(
            f"data {getattr(data, 'name', data)!r} must be a dataclass whose splits have "
            f"{', '.join(NEEDED)}, so that other images can be drawn. Leave repeats out."
        )
    train, test = (
        LabelledImages(s.ids, np.asarray(s.targets), s.read, s.fingerprint)
        for s in (data.train, data.test)
    )
    whole = _join(train, test)
    targets, has_classes = whole.targets, bool(getattr(data, "class_names", ()))
    is_class = has_classes and targets.dtype == np.int64 and targets.ndim == 1
    classes = targets if is_class else np.zeros(len(whole), np.int64)
    if draw_kind(data) == "split":
        is_test = is_drawn_for_test(whole.ids, classes, seed=seed)
        chosen, judged = np.flatnonzero(~is_test), np.flatnonzero(is_test)
    else:
        order = in_drawn_order(train.ids, classes[: len(train)], f"train {seed}")
        halves = [members[: max(MIN_TRAIN, round(len(members) / 2))] for members in order]
        chosen, judged = np.sort(np.concatenate(halves)), np.arange(len(train), len(whole))
    divided = replace(data, train=whole.take(chosen), test=whole.take(judged))
    return Draw(seed, divided, chosen, judged)


def _join(first: LabelledImages, second: LabelledImages) -> LabelledImages:
    """The images of both, in this order."""

    def read(index: int, min_side: int | None = None) -> Image.Image:
        images, own = (first, index) if index < len(first) else (second, index - len(first))
        return images.read(own, min_side=min_side)

    words = first.fingerprint + second.fingerprint
    return LabelledImages(
        (*first.ids, *second.ids),
        np.concatenate([first.targets, second.targets]),
        read,
        blake2b(words.encode(), digest_size=16).hexdigest(),
    )
