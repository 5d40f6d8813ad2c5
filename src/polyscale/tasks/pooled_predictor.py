"""Backbone, scales and a linear head in one: pictures → scores."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from polyscale.features import pooled_columns
from polyscale.learning.heads import LinearHead
from polyscale.operator.multiscale import MultiScale

Columns: TypeAlias = Mapping[str, Sequence[Any] | NDArray]
"""Name → what is predicted of each picture."""


class PooledPredictor(nn.Module):
    """What runs for a picture: its features at all scales, and one linear map of them.

    Args:
        module: backbone and scales.
        head: from the chosen features to scores.
        feature: which features these are: "cls", "mean" or "both".
        read: scores (num, num_outputs) → what they say.
        class_names: in the order of the scores; empty where there are no classes.
        facts: what else the file of the head holds.
    """

    def __init__(
        self,
        module: MultiScale,
        head: LinearHead,
        *,
        feature: Any,
        read: Callable[[NDArray[np.float64]], Columns],
        class_names: Sequence[str],
        facts: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self.module, self.head, self.read = module, head, read
        self.class_names, self.facts = tuple(class_names), facts
        self.columns = pooled_columns(
            module.scales,
            dim=module.backbone.dim,
            has_cls=module.backbone.has_cls,
            feature=feature,
        )

    @property
    def in_channels(self) -> int:
        """Features that the head takes."""
        return len(self.columns)

    def scores(self, images: Sequence[Image.Image]) -> NDArray[np.float64]:
        """Scores (num, num_outputs) of 8-bit RGB pictures of any size."""
        with torch.inference_mode():
            features = self.module(self.module.preprocess(list(images))).pooled
        return self.head.scores(features.float().cpu().numpy()[:, self.columns])

    def predict(self, images: Sequence[Image.Image]) -> Columns:
        """What the task says of pictures, for example the class and its probability."""
        return self.read(self.scores(images))
