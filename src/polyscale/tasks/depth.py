"""Depth: metres of every pixel, judged by RMSE."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from polyscale.data import DenseImages, DepthData, load_depth
from polyscale.data.colours import colour_depth
from polyscale.learning.heads.dense import DEPTH_HEADS, HeadKind
from polyscale.learning.heads.dense.augment import AugmentSettings
from polyscale.learning.heads.dense.segmentation import upsample
from polyscale.records import METRICS
from polyscale.stats import DEPTH_METRICS, depth_errors, depth_metrics
from polyscale.tasks.evaluation import Baseline, Scores
from polyscale.tasks.maps.predictor import Outputs
from polyscale.tasks.maps.settings import DEFAULT_CROP_HW, MapSettings
from polyscale.tasks.maps.task import MapTask, nothing_judged
from polyscale.types import HW


@dataclass(frozen=True, kw_only=True)
class DepthSettings(MapSettings):
    """What a comparison of depth depends on besides the data and the candidates.

    `augment.resize` must be (1, 1): a larger picture looks nearer, while its metres stay.
    """

    heads: ClassVar[Mapping[str, HeadKind]] = DEPTH_HEADS
    default_augment: ClassVar[AugmentSettings] = AugmentSettings(
        crop_hw=DEFAULT_CROP_HW, resize=(1.0, 1.0)
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.augment is not None:
            self.augment.check_for_depth()


@dataclass(frozen=True)
class Metres(Outputs):
    """Depth in metres along the optical axis, float32."""

    def predict(self, scores: Tensor, out_hw: HW) -> NDArray[np.float32]:
        """Metres."""
        if scores.shape[-2:] != out_hw:
            scores = upsample(scores, out_hw)
        return scores[:, 0].float().cpu().numpy()

    def grey(self, predicted: NDArray) -> NDArray:
        """Millimetres, 16 bits."""
        return (predicted * 1000).round().clip(0, 2**16 - 1).astype(np.uint16)

    def colour(self, predicted: NDArray) -> NDArray:
        """From near to far."""
        return colour_depth(predicted, *_ends(predicted))

    def legend(self, predicted: NDArray) -> list[tuple[str, tuple[int, ...]]]:
        """Five distances from near to far."""
        steps = np.linspace(*_ends(predicted), 5, dtype=np.float32)
        colours = colour_depth(steps[None], *_ends(predicted))[0]
        return [(f"{d:.2f} m", tuple(rgb)) for d, rgb in zip(steps, colours, strict=True)]


def _ends(metres: NDArray) -> tuple[float, float]:
    """Nearest and farthest distance that have a colour of their own."""
    low, high = np.nanpercentile(metres, (2, 98)).tolist()
    return low, max(high, low + 1e-3)


class Depth(MapTask):
    """RMSE, or another metric, of each image over its known pixels; then the mean over images."""

    name = "depth"
    sources = "rooms, pairs:PATH with images/ and depth/, nyu:PATH, hf:NAME or hf:PATH"
    metric = METRICS["rmse"]
    other_metrics = tuple(METRICS[key] for key in DEPTH_METRICS if key != "rmse")
    settings_type = DepthSettings
    data_type = DepthData
    loader = staticmethod(load_depth)
    statistics = ("rmse",)

    def head_arguments(self, data: DepthData) -> dict[str, Any]:
        """The range of depths."""
        return {"min_depth_m": data.min_depth_m, "max_depth_m": data.max_depth_m}

    head_facts = head_arguments

    def outputs(self, head_facts: Mapping[str, Any]) -> Metres:
        """Metres."""
        return Metres(1)

    def target_text(self, target: NDArray, data: DepthData) -> str:
        """The nearest and the farthest place."""
        known = target[np.isfinite(target)]
        return f"{known.min():.2g} to {known.max():.2g} m" if known.size else "no depth known"

    def judge(
        self, target: NDArray, predicted: NDArray, data: DepthData
    ) -> Float[np.ndarray, " 6"]:
        """`DEPTH_METRICS` of one image."""
        low, high = data.min_depth_m, data.max_depth_m
        return depth_errors(target, predicted, min_m=low, max_m=high, crop_yxyx=data.crop_yxyx)

    def collect(self, images: Sequence[NDArray[np.float64]]) -> Scores:
        """Means over the images of which any depth is known."""
        errors = np.stack(images)
        metrics = depth_metrics(errors)
        own = errors[:, DEPTH_METRICS.index(self.metric.key)]
        return Scores(
            value=metrics.pop(self.metric.key),
            others=metrics,
            statistics=own[~np.isnan(own), None],
            columns=dict(zip(DEPTH_METRICS, errors.T.tolist(), strict=True)),
            image_scores=own,
        )

    def judge_rasters(self, targets: NDArray, predicted: NDArray, data: DepthData) -> Scores:
        """Without a crop; the worst value that there can be where no depth is known."""
        if not ((targets >= data.min_depth_m) & (targets <= data.max_depth_m)).any():
            worst = 0.0 if self.metric.higher_is_better else data.max_depth_m
            return nothing_judged(worst, len(targets))
        return super().judge_rasters(targets, predicted, replace(data, crop_yxyx=None))

    def floors(self, data: DepthData, settings: Any) -> tuple[Baseline, ...]:
        """The mean depth."""
        about = "Every pixel gets the mean depth of the training images."
        return (self.constant_floor("mean depth", about, data, _mean_depth),)

    def data_facts(self, data: DepthData) -> dict[str, Any]:
        """With the range and the part of images that is judged."""
        crop = {"crop_yxyx": data.crop_yxyx and list(data.crop_yxyx)}
        return super().data_facts(data) | self.head_facts(data) | crop


def _mean_depth(images: DenseImages, chosen: NDArray[np.int64], data: DepthData) -> float:
    """The mean over images of their mean depth; the middle of the range if none is known."""
    targets = (images.target(int(index)) for index in chosen)
    means = [np.mean(known) for t in targets if (known := t[np.isfinite(t)]).size]
    middle = (data.min_depth_m + data.max_depth_m) / 2
    return float(np.mean(means)) if means else middle
