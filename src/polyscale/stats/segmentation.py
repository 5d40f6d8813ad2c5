"""Intersections and unions: what segmentation is judged by, counted per image."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Int64
from numpy.typing import NDArray

from polyscale.data.dataset import IGNORED, Labels
from polyscale.errors import InputError


@dataclass(frozen=True)
class ImageCounts:
    """Pixels of one image by class; pixels that are ignored in the truth are in none.

    Attributes:
        intersection: truth and prediction agree.
        truth: of the class.
        predicted: said to be of the class.
    """

    intersection: Int64[NDArray[np.int64], " num_classes"]
    truth: Int64[NDArray[np.int64], " num_classes"]
    predicted: Int64[NDArray[np.int64], " num_classes"]

    @property
    def union(self) -> Int64[NDArray[np.int64], " num_classes"]:
        """Of the class, or said to be."""
        return self.truth + self.predicted - self.intersection


@dataclass(frozen=True)
class PixelCounts:
    """The same of many images; fields as `ImageCounts`."""

    intersection: Int64[NDArray[np.int64], "num_images num_classes"]
    truth: Int64[NDArray[np.int64], "num_images num_classes"]
    predicted: Int64[NDArray[np.int64], "num_images num_classes"]

    @property
    def union(self) -> Int64[NDArray[np.int64], "num_images num_classes"]:
        """Of the class, or said to be."""
        return self.truth + self.predicted - self.intersection

    @property
    def judged_union(self) -> Int64[NDArray[np.int64], "num_images num_classes"]:
        """`union`, and 0 for classes that no image shows, so that all are judged by the same."""
        return np.where(self.truth.any(axis=0), self.union, 0)


def count_pixels(
    labels: Labels, predicted: Int[NDArray[np.integer], "h w"], num_classes: int
) -> ImageCounts:
    """Count one image.

    Args:
        labels: the truth; pixels that are `IGNORED` are not counted, whatever is predicted there.
        predicted: an index of a class for every pixel.
        num_classes: in all.

    Raises:
        InputError: if the shapes differ, or an entry is no class.
    """
    check_classes(labels, predicted, num_classes)
    # one number for each pair of classes; row 0 is what is ignored
    pairs = np.add(labels, 1, dtype=np.intp) * num_classes + predicted
    confusion = np.bincount(pairs.ravel(), minlength=(num_classes + 1) * num_classes)
    judged = confusion.reshape(num_classes + 1, num_classes)[1:]
    return ImageCounts(judged.diagonal().copy(), judged.sum(axis=1), judged.sum(axis=0))


def stack_counts(images: Sequence[ImageCounts]) -> PixelCounts:
    """Many images, one a row.

    Raises:
        InputError: if there are none.
    """
    if not images:
        raise InputError("images must hold at least one image, but got none.")
    return PixelCounts(
        np.stack([image.intersection for image in images]),
        np.stack([image.truth for image in images]),
        np.stack([image.predicted for image in images]),
    )


def class_iou(counts: PixelCounts) -> Float[NDArray[np.float64], " num_classes"]:
    """Intersection over union of each class, over all images at once.

    A class that is nowhere in the truth has NaN, so that every prediction is judged by the same
    classes. Where it is predicted, the classes that are there lose those pixels.
    """
    return _shares(counts.intersection.sum(axis=0), counts.judged_union.sum(axis=0))


def segmentation_metrics(counts: PixelCounts) -> dict[str, float]:
    """Metrics of one confusion over all images, 0–1; never means of the images' own.

    Returns:
        `miou`, the mean of `class_iou` without its NaNs; `pixel_accuracy`, the share of judged
        pixels that are right; `mean_accuracy`, the mean over classes of the truth of the share of
        their pixels that are right.

    Raises:
        InputError: if all pixels are ignored.
    """
    intersection, truth = counts.intersection.sum(axis=0), counts.truth.sum(axis=0)
    if not truth.any():
        raise InputError(
            "counts must hold judged pixels, but all are ignored. Check the labels and what is "
            "ignored of them."
        )
    return {
        "miou": float(np.nanmean(class_iou(counts))),
        "pixel_accuracy": float(intersection.sum() / truth.sum()),
        "mean_accuracy": float(np.nanmean(_shares(intersection, truth))),
    }


def check_classes(labels: NDArray, predicted: NDArray, num_classes: int) -> None:
    """Raise InputError unless both are maps of classes of the same shape."""
    if labels.shape != predicted.shape:
        raise InputError(
            f"predicted must have the shape of labels {labels.shape}, but got {predicted.shape}. "
            "Resize the scores, not the labels."
        )
    for name, entries, lowest in (("labels", labels, IGNORED), ("predicted", predicted, 0)):
        if not entries.size:
            continue
        low, high = int(entries.min()), int(entries.max())
        if low < lowest or high >= num_classes:
            raise InputError(
                f"{name} must be from {lowest} to {num_classes - 1}, but got {low} to {high}."
            )


def _shares(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)
