"""Predictions of a head on held-out and test images, from maps that are kept."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from polyscale.learning.heads.dense import Maps, Targets
from polyscale.tasks.maps.predictor import Outputs, predict_pixels
from polyscale.tasks.maps.samples import Samples

BATCH = 8
"""Held-out samples at once."""


def predict_image(
    head: nn.Module, maps: Maps, samples: Samples, index: int, outputs: Outputs
) -> NDArray:
    """The prediction of every pixel (h, w) of an image at its own size."""
    rows = samples.of_image(index)
    views = [samples.views[row] for row in rows]
    image_hw = samples.images.sizes_hw[index]
    return predict_pixels(head, _tensor(maps, rows), views, image_hw, outputs)


@torch.inference_mode()
def predict_rasters(
    head: nn.Module, maps: Maps, targets: Targets, rows: NDArray[np.int64], outputs: Outputs
) -> tuple[NDArray, NDArray]:
    """Targets and predictions (num, raster_h, raster_w) of some samples, on their rasters."""
    truth = targets.take(rows)
    raster_hw = (truth.shape[1], truth.shape[2])
    predicted = []
    for start in range(0, len(rows), BATCH):
        tensor = _tensor(maps, rows[start : start + BATCH])
        scores = head.scores(tensor, raster_hw)  # type: ignore[operator]
        predicted.append(outputs.predict(scores, raster_hw))
    return truth, np.concatenate(predicted)


def _tensor(maps: Maps, rows: NDArray[np.integer]) -> torch.Tensor:
    """Maps as a head takes them: (samples, channels, h, w), float32."""
    return torch.from_numpy(maps.take(rows).astype(np.float32)).permute(0, 3, 1, 2)
