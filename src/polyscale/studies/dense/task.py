"""What a study asks of a kind of target, so that it need not know which one it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from polyscale.stats import ObjectIous, PixelCounts
from polyscale.stats.image_bootstrap import Reduce
from polyscale.studies.dense.outputs import Outputs


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """How a candidate did on the test images.

    Attributes:
        value: the metric.
        scores: other metrics, by their key.
        statistics: what a bootstrap over images sums (num_judged, num_statistics).
        columns: name → what is known of each test image, as files keep it.
        image_scores: the metric of each test image on its own; NaN where nothing is known of it.
        counts: pixels by class; None for depth.
        objects: of each test image; None for depth.
    """

    value: float
    scores: Mapping[str, float]
    statistics: Float[NDArray[np.float64], "num_judged num_statistics"]
    columns: Mapping[str, Sequence[Any]]
    image_scores: Float[NDArray[np.float64], " num_test"]
    counts: PixelCounts | None = None
    objects: tuple[ObjectIous, ...] | None = None


class DenseTask(Protocol):
    """A kind of target."""

    @property
    def metric(self) -> str:
        """What candidates are judged by, as a key of `METRICS`."""
        ...

    @property
    def resampled(self) -> Reduce:
        """Means of `Judged.statistics` → the metric."""
        ...

    @property
    def head_arguments(self) -> dict[str, Any]:
        """What a head must know of the data, besides the channels of its maps."""
        ...

    @property
    def outputs(self) -> Outputs:
        """What scores mean."""
        ...

    def judge(self, target: NDArray, predicted: NDArray) -> Any:
        """One image at its own size, as `collect` wants it."""
        ...

    def collect(self, images: Sequence[Any]) -> Judged:
        """All test images, in their order."""
        ...

    def quick_value(self, targets: NDArray, predicted: NDArray) -> float:
        """The metric on rasters (num, h, w) of held-out training images."""
        ...
