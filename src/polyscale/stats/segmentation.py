"""Intersections and unions: what segmentation is judged by, counted for each image."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Int64
from numpy.typing import NDArray

from polyscale.data.dataset import IGNORED, Labels
from polyscale.errors import InputError

Counts = Int64[np.ndarray, "*num_images num_classes"]


@dataclass(frozen=True)
class PixelCounts:
    """Pixels of one image, or of many, by class, without those that the truth ignores.

    Attributes:
        intersection: pixels of the class that are predicted as this class.
        truth: pixels of the class.
        predicted: pixels that are predicted as the class.
    """

    intersection: Counts
    truth: Counts
    predicted: Counts

    @property
    def union(self) -> Counts:
        """Pixels of the class, or predicted as it."""
        return self.truth + self.predicted - self.intersection

    @property
    def judged_union(self) -> Counts:
        """`union` of many images; 0 for classes that no image shows, so that none is judged."""
        return np.where(self.truth.any(axis=0), self.union, 0)


def count_pixels(
    labels: Labels, predicted: Int[np.ndarray, "h w"], num_classes: int
) -> PixelCounts:
    """Count one image.

    Args:
        labels: the truth; pixels that are `IGNORED` are not counted.
        predicted: index of a class for every pixel.
        num_classes: number of classes.

    Raises:
        InputError: if the shapes differ, or an entry is not a class.
    """
    check_classes(labels, predicted, num_classes)
    # one number for each pair of classes; row 0 holds what is ignored
    pairs = np.add(labels, 1, dtype=np.intp) * num_classes + predicted
    confusion = np.bincount(pairs.ravel(), minlength=(num_classes + 1) * num_classes)
    judged = confusion.reshape(num_classes + 1, num_classes)[1:]
    return PixelCounts(judged.diagonal().copy(), judged.sum(axis=1), judged.sum(axis=0))


def stack_counts(images: Sequence[PixelCounts]) -> PixelCounts:
    """The counts of many images, one in each row.

    Raises:
        InputError: if there are no images.
    """
    if not images:
        raise InputError("images must hold at least one image, but got none.")
    return PixelCounts(
        np.stack([image.intersection for image in images]),
        np.stack([image.truth for image in images]),
        np.stack([image.predicted for image in images]),
    )


def class_iou(counts: PixelCounts) -> Float[np.ndarray, " num_classes"]:
    """Intersection over union of each class, over all images at once.

    It is NaN for a class that no image shows, so that every prediction is judged by the same
    classes. Pixels that are predicted as such a class are missing from the right class.
    """
    return share_or_nan(counts.intersection.sum(axis=0), counts.judged_union.sum(axis=0))


def segmentation_metrics(counts: PixelCounts) -> dict[str, float]:
    """Metrics of one confusion matrix over all images, 0 to 1; never means over images.

    Returns:
        `miou`, the mean of `class_iou` without its NaNs; `pixel_accuracy`, the share of judged
        pixels that are right; `mean_accuracy`, the share of each class's pixels that are right,
        averaged over the classes of the truth.

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
        "mean_accuracy": float(np.nanmean(share_or_nan(intersection, truth))),
    }


def check_classes(labels: NDArray, predicted: NDArray, num_classes: int) -> None:
    """Raise InputError unless both are maps of classes of the same shape."""
    if labels.shape != predicted.shape:
        raise InputError(
            f"predicted must have the shape of labels {labels.shape}, but got {predicted.shape}. "
            "Resize the scores, not the labels."
        )
    if not labels.size:
        return
    for name, entries, lowest in (("labels", labels, IGNORED), ("predicted", predicted, 0)):
        low, high = int(entries.min()), int(entries.max())
        if low < lowest or high >= num_classes:
            raise InputError(
                f"{name} must be from {lowest} to {num_classes - 1}, but got {low} to {high}."
            )


def share_or_nan(part: NDArray[np.number], whole: NDArray[np.number]) -> NDArray[np.float64]:
    """`part` over `whole`, and NaN where `whole` is 0."""
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)
