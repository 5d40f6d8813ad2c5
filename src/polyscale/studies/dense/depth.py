"""Depth: metres of pixels, judged by RMSE."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from polyscale.data import DepthData
from polyscale.stats import DEPTH_METRICS, depth_errors, depth_metrics, mean_of_images
from polyscale.stats.image_bootstrap import Reduce
from polyscale.studies.dense.outputs import Metres
from polyscale.studies.dense.task import Judged


@dataclass(frozen=True)
class DepthTask:
    """Of a data set."""

    data: DepthData

    @property
    def metric(self) -> str:
        """Root of the mean squared error of each image in metres, averaged over images."""
        return "rmse"

    @property
    def resampled(self) -> Reduce:
        """The mean over images."""
        return mean_of_images

    @property
    def head_arguments(self) -> dict[str, Any]:
        """The range of depths."""
        return {"min_depth_m": self.data.min_depth_m, "max_depth_m": self.data.max_depth_m}

    @property
    def outputs(self) -> Metres:
        """Metres."""
        return Metres()

    def judge(self, target: NDArray, predicted: NDArray) -> Float[NDArray[np.float64], " 6"]:
        """`DEPTH_METRICS` of one image."""
        return depth_errors(
            target,
            predicted,
            min_m=self.data.min_depth_m,
            max_m=self.data.max_depth_m,
            crop_yxyx=self.data.crop_yxyx,
        )

    def collect(self, images: Sequence[NDArray[np.float64]]) -> Judged:
        """Means over the images of which any depth is known."""
        errors = np.stack(images)
        metrics = depth_metrics(errors)
        rmse = errors[:, 0]
        return Judged(
            value=metrics.pop("rmse"),
            scores=metrics,
            statistics=rmse[~np.isnan(rmse), None],
            columns=dict(zip(DEPTH_METRICS, errors.T.tolist(), strict=True)),
            image_scores=rmse,
        )

    def quick_value(self, targets: NDArray, predicted: NDArray) -> float:
        """RMSE, without a crop; the largest that it can be where no depth is known."""
        low, high = self.data.min_depth_m, self.data.max_depth_m
        errors = np.stack(
            [
                depth_errors(t, p, min_m=low, max_m=high)
                for t, p in zip(targets, predicted, strict=True)
            ]
        )
        if np.isnan(errors[:, 0]).all():
            return self.data.max_depth_m
        return depth_metrics(errors)["rmse"]
