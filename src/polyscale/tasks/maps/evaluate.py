"""A head on held-out and on test images, from maps that are kept."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from polyscale.learning.heads.dense import Maps, Targets
from polyscale.tasks.maps.predictor import Outputs, predict_pixels
from polyscale.tasks.maps.samples import READERS, Samples
from polyscale.tasks.task import Evaluation
from polyscale.types import Progress

BATCH = 8
"""Held-out samples at once."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MapEvaluation(Evaluation):
    """With the maps of the test samples, from which the gallery predicts again."""

    maps: Maps


def predict_image(
    head: nn.Module, maps: Maps, samples: Samples, index: int, outputs: Outputs
) -> NDArray:
    """The prediction of every pixel (h, w) of an image at its own size, from kept maps."""
    rows = samples.of_image(index)
    return predict_pixels(
        head,
        _tensor(maps, np.array(rows)),
        [samples.views[row] for row in rows],
        samples.images.sizes_hw[index],
        outputs,
    )


def judge_images(
    head: nn.Module,
    maps: Maps,
    samples: Samples,
    outputs: Outputs,
    judge: Callable[[NDArray, NDArray], Any],
    *,
    step: str,
    progress: Progress,
) -> list[Any]:
    """Judge a head on every test image at its own size.

    Args:
        head: what is judged.
        maps: of the samples.
        samples: all views of all test images.
        outputs: what scores mean.
        judge: target and prediction (h, w) of one image → whatever the task collects.
        step: how progress calls it.
        progress: told after every few images.
    """

    def judge_one(index: int) -> Any:
        predicted = predict_image(head, maps, samples, index, outputs)
        return judge(samples.images.target(index), predicted)

    num = len(samples.images)
    judged = []
    with ThreadPoolExecutor(READERS) as workers:
        for done, one in enumerate(workers.map(judge_one, range(num))):
            if done % BATCH == 0:
                progress(step, done, num, "images")
            judged.append(one)
    progress(step, num, num, "images")
    return judged


@torch.inference_mode()
def predict_rasters(
    head: nn.Module, maps: Maps, targets: Targets, rows: NDArray[np.int64], outputs: Outputs
) -> tuple[NDArray, NDArray]:
    """Targets and predictions (num, raster_h, raster_w) of some samples, on their rasters."""
    truth = targets.take(rows)
    raster_hw = (truth.shape[1], truth.shape[2])
    predicted = [
        outputs.predict(head.scores(_tensor(maps, batch), raster_hw), raster_hw)  # type: ignore[operator]
        for batch in _batches(rows)
    ]
    return truth, np.concatenate(predicted)


def _batches(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]


def _tensor(maps: Maps, rows: NDArray[np.integer]) -> torch.Tensor:
    """Maps as a head takes them: (samples, channels, h, w), float32."""
    return torch.from_numpy(maps.take(rows).astype(np.float32)).permute(0, 3, 1, 2)
