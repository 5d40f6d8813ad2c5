"""What a probe has learned, as one linear map of the features as they are extracted."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

BLOCK = 1024
"""Number of rows that are read at once: enough for BLAS, few enough for the cache."""


class LinearHead(nn.Module):
    """Pooled features → scores, in float64.

    Standardising and rotating features is linear too, so it is part of the map.

    Args:
        in_channels: columns of the features.
        num_outputs: scores of an image.
    """

    def __init__(self, in_channels: int, num_outputs: int) -> None:
        super().__init__()
        self.config = {"in_channels": in_channels, "num_outputs": num_outputs}
        self.register_buffer("weights", torch.zeros(num_outputs, in_channels, dtype=torch.float64))
        self.register_buffer("intercept", torch.zeros(num_outputs, dtype=torch.float64))

    @classmethod
    def of(cls, weights: NDArray[np.floating], intercept: NDArray[np.floating]) -> "LinearHead":
        """The map with these weights (num_outputs, dim) and this intercept (num_outputs,)."""
        head = cls(in_channels=weights.shape[1], num_outputs=weights.shape[0])
        arrays = {"weights": weights, "intercept": intercept}
        head.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
        return head

    def scores(self, features: NDArray[np.floating]) -> NDArray[np.float64]:
        """Scores (num, num_outputs) of features (num, dim), block by block."""
        weights, intercept = (
            self.get_buffer(name).cpu().numpy() for name in ("weights", "intercept")
        )
        scores = np.empty((len(features), len(intercept)))
        for start in range(0, len(features), BLOCK):
            where = slice(start, start + BLOCK)
            scores[where] = features[where].astype(np.float64) @ weights.T + intercept
        return scores
