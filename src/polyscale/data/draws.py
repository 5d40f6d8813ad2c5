"""Another draw of the images: a new split, or a part of the training images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from hashlib import blake2b
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from polyscale.data.dataset import MIN_TRAIN, DenseImages, LabelledImages
from polyscale.data.listing import in_drawn_order, is_drawn_for_test
from polyscale.errors import InputError
from polyscale.records import DrawKind

Images: TypeAlias = LabelledImages | DenseImages


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
        data: a dataclass such as `DataSet`, whose images have one target each or one for each
            pixel.
        seed: of the draw.

    Raises:
        InputError: if the data are of another kind, or the images that are drawn can't be used.
    """
    whole = _join(*_splits(data))
    classes = _classes(whole, has_names=hasattr(data, "class_names"))
    if draw_kind(data) == "split":
        is_test = is_drawn_for_test(whole.ids, classes, seed=seed)
        train, test = np.flatnonzero(~is_test), np.flatnonzero(is_test)
    else:
        num_train = len(data.train)
        train = _draw_half(whole.ids[:num_train], classes[:num_train], seed)
        test = np.arange(num_train, len(whole))
    divided = replace(data, train=whole.take(train), test=whole.take(test))
    return Draw(seed, divided, train, test)


def _splits(data: Any) -> tuple[Images, Images]:
    """Training and test images, as one of the two classes that can be joined."""
    parts = [getattr(data, split, None) for split in ("train", "test")]
    for kind in (LabelledImages, DenseImages):
        names = [each.name for each in fields(kind)]
        if is_dataclass(data) and all(hasattr(part, name) for part in parts for name in names):
            train, test = (kind(*(getattr(part, name) for name in names)) for part in parts)
            return train, test
    raise InputError(
        f"data {getattr(data, 'name', data)!r} must be a dataclass whose splits have all fields of "
        "LabelledImages or DenseImages, so that other images can be drawn. Leave repeats out."
    )


def _classes(images: Images, *, has_names: bool) -> NDArray[np.int64]:
    """Class of each image; 0 for all of them where an image has no single class."""
    targets = getattr(images, "targets", None)
    if has_names and targets is not None and targets.dtype == np.int64 and targets.ndim == 1:
        return targets
    return np.zeros(len(images), np.int64)


def _draw_half(ids: Sequence[str], classes: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Indices of half of the images of each class, and of at least `MIN_TRAIN`."""
    order = in_drawn_order(ids, classes, f"train {seed}")
    return np.sort(np.concatenate([m[: max(MIN_TRAIN, round(len(m) / 2))] for m in order]))


def _join(first: Images, second: Images) -> Images:
    """The images of both, in this order."""

    def of_both(name: str) -> Callable[..., Any]:
        """A method of both, which takes the index of an image first."""

        def call(index: int, *arguments: Any, **named: Any) -> Any:
            images, own = (first, index) if index < len(first) else (second, index - len(first))
            return getattr(images, name)(own, *arguments, **named)

        return call

    ids, read = (*first.ids, *second.ids), of_both("read")
    fingerprint = _hash(first.fingerprint + second.fingerprint)
    if isinstance(first, DenseImages) and isinstance(second, DenseImages):
        sizes_hw = (*first.sizes_hw, *second.sizes_hw)
        targets = _hash(first.target_fingerprint + second.target_fingerprint)
        return DenseImages(ids, sizes_hw, read, of_both("target"), fingerprint, targets)
    assert isinstance(first, LabelledImages)
    assert isinstance(second, LabelledImages)
    both = np.concatenate([np.asarray(first.targets), np.asarray(second.targets)])
    return LabelledImages(ids, both, read, fingerprint)


def _hash(words: str) -> str:
    return blake2b(words.encode(), digest_size=16).hexdigest()
