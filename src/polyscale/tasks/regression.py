"""Regression: a number for each image, judged by R²."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyscale.data import load_numbers
from polyscale.errors import InputError
from polyscale.learning.heads import LinearHead
from polyscale.records import Metric
from polyscale.tasks.groups import ImageGroups, by_range
from polyscale.tasks.pooled import PooledTask, fit_ridge
from polyscale.tasks.settings import Rows


class Regression(PooledTask):
    """Ridge regression for each candidate.

    R² is 1 minus the squared errors over the squared distances of the targets from their mean, of
    all test images: 1 is perfect, 0 is no better than predicting the mean.
    """

    name = "regression"
    sources = "csv:PATH with a column of numbers, hf:NAME or hf:PATH"
    loader = staticmethod(load_numbers)
    metric = Metric(
        key="r2", name="R²", noun="R²", sentence="has an R² of {value} on {num} test images"
    )
    other_metrics = (
        Metric(key="absolute_error", name="Mean absolute error", higher_is_better=False),
    )
    statistics = ("squared_error", "centred", "squared_centred")
    reduction = None
    grouped_by = "range"
    about = "ridge regression on centred pooled features"
    floor = ("mean of the targets", "Every image gets the mean of the training targets.")

    def check_split(self, images: Any, split: str, data: Any) -> None:
        """Raise an InputError for targets that are not numbers, or are all equal."""
        targets = np.asarray(images.targets)
        numbers = targets.ndim == 1 and targets.dtype.kind in "iuf"
        if not (numbers and np.isfinite(targets).all() and np.ptp(targets) > 0):
            raise InputError(
                f"targets of the {split} images of {data.name} must be finite numbers, one for "
                "each image and not all equal. Check the column."
            )

    def groups(self, images: Any, data: Any) -> ImageGroups:
        """By ranges of the numbers of both splits."""
        numbers = [np.asarray(split.targets, np.float64) for split in (data.train, data.test)]
        both = np.concatenate(numbers)
        return by_range(np.asarray(images.targets, np.float64), both.min(), both.max())

    def fit(self, train: Rows, targets: NDArray, settings: Any) -> LinearHead:
        """Ridge regression onto the number."""
        return fit_ridge(train, np.asarray(targets, np.float64))

    def score_images(self, predictions: NDArray, targets: NDArray) -> Mapping[str, NDArray]:
        """What R² is made from, and absolute errors; targets are taken from their mean."""
        targets = np.asarray(targets, np.float64)
        error, centred = predictions - targets, targets - targets.mean()
        return {
            "squared_error": error**2,
            "centred": centred,
            "squared_centred": centred**2,
            "absolute_error": np.abs(error),
        }

    def reduce(self, means: NDArray[np.float64]) -> NDArray[np.float64]:
        """R²; a resample in which all targets are equal has none and counts as 0.

        Or the mean, where the task is judged by that of a column.
        """
        if self.reduction is not None:
            return super().reduce(means)
        error, mean, squared = means.T
        spread = squared - mean**2
        known = spread > 1e-12 * squared
        return 1 - np.divide(error, spread, out=np.ones_like(error), where=known)
