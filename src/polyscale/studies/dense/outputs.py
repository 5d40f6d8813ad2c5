"""What scores of pixels mean: classes, or metres."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from polyscale.heads.dense.segmentation import predict_labels, upsample
from polyscale.types import HW


class Outputs(Protocol):
    """A kind of prediction."""

    @property
    def num_outputs(self) -> int:
        """Scores of a pixel."""
        ...

    def predict(self, scores: Float[Tensor, "batch num_outputs h w"], out_hw: HW) -> NDArray:
        """Scores → what is said of each pixel (batch, out_h, out_w); bilinear in between."""
        ...


@dataclass(frozen=True)
class Labels:
    """The class with the highest score, int16.

    Attributes:
        num_outputs: classes.
    """

    num_outputs: int

    def predict(self, scores: Tensor, out_hw: HW) -> NDArray[np.int16]:
        """Indices of classes."""
        if scores.shape[-2:] == out_hw:
            return scores.argmax(dim=1).to("cpu", torch.int16).numpy()
        return predict_labels(scores, out_hw).cpu().numpy()


@dataclass(frozen=True)
class Metres:
    """Depth in metres, float32."""

    num_outputs: int = 1

    def predict(self, scores: Tensor, out_hw: HW) -> NDArray[np.float32]:
        """Metres along the optical axis."""
        if scores.shape[-2:] != out_hw:
            scores = upsample(scores, out_hw)
        return scores[:, 0].float().cpu().numpy()
