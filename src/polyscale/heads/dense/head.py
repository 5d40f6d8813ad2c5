"""What every dense head is: a module from feature maps to a score of every pixel."""

from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from polyscale.features import MapSource
from polyscale.types import HW


@runtime_checkable
class DenseHead(Protocol):
    """A `torch.nn.Module` on fused multi-scale maps.

    `num_outputs` of `scores` is the number of classes for segmentation, where the highest score
    wins and scores of several views of an image may be averaged; and 1 for depth, in metres.
    """

    def loss(self, maps: Float[Tensor, "batch channels h w"], target: Tensor) -> Float[Tensor, ""]:
        """What training brings down.

        Args:
            maps: fused features.
            target: labels (batch, label_h, label_w), int64 with `IGNORED` (-1), or depth in metres,
                float32 with NaN; of the same extent as the maps, of any size.
        """
        ...

    def scores(
        self, maps: Float[Tensor, "batch channels h w"], out_hw: HW
    ) -> Float[Tensor, "batch num_outputs out_h out_w"]:
        """Scores of each pixel of an image of this size.

        Args:
            maps: fused features.
            out_hw: in pixels.
        """
        ...


Maps: TypeAlias = MapSource
"""Feature maps of many images, which need not fit the memory."""


class Targets(Protocol):
    """Targets of the same images."""

    def __len__(self) -> int:
        """Images."""
        ...

    def take(self, indices: NDArray[np.integer]) -> NDArray:
        """Of some images (num, label_h, label_w): int16 labels, or float32 depth in metres."""
        ...
