"""What scores of pixels mean: classes, or metres."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from polyscale.data.dense.colours import colour_depth, colour_labels
from polyscale.heads.dense.upsample import predict_labels, upsample
from polyscale.types import HW


class Outputs(Protocol):
    """A kind of prediction."""

    @property
    def num_outputs(self) -> int:
        """Scores of a pixel."""
        ...

    @property
    def class_names(self) -> tuple[str, ...]:
        """In the order of the labels; empty where there are no classes."""
        ...

    def predict(self, scores: Float[Tensor, "batch num_outputs h w"], out_hw: HW) -> NDArray:
        """Scores → the prediction of each pixel (batch, out_h, out_w); bilinear in between."""
        ...

    def grey(self, predicted: NDArray) -> NDArray:
        """A prediction as a grey picture that holds its numbers, 8 or 16 bits."""
        ...

    def colour(self, predicted: NDArray) -> NDArray:
        """A prediction as an RGB picture to look at."""
        ...


@dataclass(frozen=True)
class Labels:
    """The class with the highest score, int16."""

    class_names: tuple[str, ...]

    @property
    def num_outputs(self) -> int:
        """Classes."""
        return len(self.class_names)

    def predict(self, scores: Tensor, out_hw: HW) -> NDArray[np.int16]:
        """Indices of classes."""
        if scores.shape[-2:] == out_hw:
            return scores.argmax(dim=1).to("cpu", torch.int16).numpy()
        return predict_labels(scores, out_hw).cpu().numpy()

    def grey(self, predicted: NDArray) -> NDArray:
        """Labels, 16 bits with more than 256 classes."""
        return predicted.astype(np.uint8 if self.num_outputs <= 2**8 else np.uint16)

    def colour(self, predicted: NDArray) -> NDArray:
        """One colour for each class."""
        return colour_labels(predicted, self.num_outputs)


@dataclass(frozen=True)
class Metres:
    """Depth in metres, float32."""

    num_outputs: int = 1
    class_names: tuple[str, ...] = ()

    def predict(self, scores: Tensor, out_hw: HW) -> NDArray[np.float32]:
        """Metres along the optical axis."""
        if scores.shape[-2:] != out_hw:
            scores = upsample(scores, out_hw)
        return scores[:, 0].float().cpu().numpy()

    def grey(self, predicted: NDArray) -> NDArray:
        """Millimetres, 16 bits."""
        return (predicted * 1000).round().clip(0, 2**16 - 1).astype(np.uint16)

    def colour(self, predicted: NDArray) -> NDArray:
        """From near to far."""
        low, high = np.percentile(predicted, (2, 98)).tolist()
        return colour_depth(predicted, low, max(high, low + 1e-3))
