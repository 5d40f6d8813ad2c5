"""Segmentation: labels of pixels, judged by mean IoU."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyscale.data import SegmentationData
from polyscale.stats import (
    ImageCounts,
    ObjectIous,
    count_pixels,
    mean_iou,
    object_ious,
    segmentation_metrics,
    stack_counts,
)
from polyscale.stats.image_bootstrap import Reduce
from polyscale.studies.dense.outputs import Labels
from polyscale.studies.dense.samples import READERS
from polyscale.studies.dense.task import Judged


@dataclass(frozen=True)
class SegmentationTask:
    """Of a data set."""

    data: SegmentationData

    @property
    def metric(self) -> str:
        """Mean intersection over union."""
        return "miou"

    @property
    def resampled(self) -> Reduce:
        """Intersections and unions → their mean ratio."""
        return mean_iou

    @property
    def head_arguments(self) -> dict[str, Any]:
        """The number of classes."""
        return {"num_classes": len(self.data.class_names)}

    @property
    def outputs(self) -> Labels:
        """Classes."""
        return Labels(len(self.data.class_names))

    def judge(self, target: NDArray, predicted: NDArray) -> tuple[ImageCounts, ObjectIous]:
        """Pixels by class, and objects."""
        num = len(self.data.class_names)
        return count_pixels(target, predicted, num), object_ious(target, predicted, num)

    def collect(self, images: Sequence[tuple[ImageCounts, ObjectIous]]) -> Judged:
        """One confusion over all images."""
        counts = stack_counts([found for found, _ in images])
        metrics = segmentation_metrics(counts)
        truth = counts.truth.sum(axis=1)
        right = counts.intersection.sum(axis=1)
        accuracy = np.divide(right, truth, out=np.full(len(truth), np.nan), where=truth > 0)
        union = counts.judged_union
        iou = np.divide(
            counts.intersection, union, out=np.full(union.shape, np.nan), where=counts.truth > 0
        )
        known = truth > 0
        own = np.full(len(truth), np.nan)
        own[known] = np.nanmean(iou[known], axis=1)
        return Judged(
            value=metrics.pop("miou"),
            scores=metrics,
            statistics=np.concatenate([counts.intersection, union], axis=1).astype(np.float64),
            columns={
                "intersection": counts.intersection.tolist(),
                "union": union.tolist(),
                "pixel_accuracy": accuracy.tolist(),
            },
            image_scores=own,
            counts=counts,
            objects=tuple(found for _, found in images),
        )

    def train_px(self) -> list[int]:
        """Pixels of each class in the training images."""
        num, train = len(self.data.class_names), self.data.train

        def count(index: int) -> NDArray[np.int64]:
            return np.bincount(train.target(index).ravel() + 1, minlength=num + 1)[1:]

        with ThreadPoolExecutor(READERS) as readers:
            return sum(readers.map(count, range(len(train))), np.zeros(num, np.int64)).tolist()

    def quick_value(self, targets: NDArray, predicted: NDArray) -> float:
        """Mean IoU over all rasters; 0 where every pixel is ignored."""
        num = len(self.data.class_names)
        counts = stack_counts(
            [count_pixels(t, p, num) for t, p in zip(targets, predicted, strict=True)]
        )
        return segmentation_metrics(counts)["miou"] if counts.truth.any() else 0.0
