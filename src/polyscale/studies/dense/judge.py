"""A head on images that it has not learned from."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from polyscale.heads.dense import Maps
from polyscale.studies.dense.fit import Kept
from polyscale.studies.dense.lesson import Lesson
from polyscale.studies.dense.outputs import Outputs
from polyscale.studies.dense.predictor import predict_pixels
from polyscale.studies.dense.samples import READERS, Samples
from polyscale.studies.dense.task import DenseTask, Judged
from polyscale.studies.progress import Progress

BATCH = 8
"""Held-out samples at once."""


def predict_image(
    head: nn.Module, maps: Maps, samples: Samples, index: int, outputs: Outputs
) -> NDArray:
    """Labels or metres (h, w) of an image at its own size, from kept maps."""
    rows = samples.of_image(index)
    return predict_pixels(
        head,
        _tensor(maps, np.array(rows)),
        [samples.views[row] for row in rows],
        samples.images.sizes_hw[index],
        outputs,
    )


def judge_head(
    head: nn.Module,
    maps: Maps,
    samples: Samples,
    task: DenseTask,
    *,
    step: str,
    progress: Progress,
) -> Judged:
    """Judge a head on every test image at its own size.

    Args:
        head: what is judged.
        maps: of the samples.
        samples: all views of all test images.
        task: says how.
        step: how progress calls it.
        progress: told after every few images.
    """

    def judge(index: int) -> object:
        predicted = predict_image(head, maps, samples, index, task.outputs)
        return task.judge(samples.images.target(index), predicted)

    num = len(samples.images)
    found = []
    with ThreadPoolExecutor(READERS) as workers:
        for done, judged in enumerate(workers.map(judge, range(num))):
            if done % BATCH == 0:
                progress(step, done, num, "images")
            found.append(judged)
    progress(step, num, num, "images")
    return task.collect(found)


def held_out_value(head: nn.Module, kept: Kept, lesson: Lesson, task: DenseTask) -> float:
    """The metric on held-out training samples, on their rasters: what candidates are chosen by."""
    predicted: list[NDArray] = []
    targets = kept.targets.take(lesson.held)
    raster_hw = (targets.shape[1], targets.shape[2])
    with torch.inference_mode():
        for rows in _batches(lesson.held):
            maps = _tensor(kept.maps, rows)
            predicted += list(task.outputs.predict(head.scores(maps, raster_hw), raster_hw))  # type: ignore[operator]
    return task.quick_value(targets, np.stack(predicted))


def _batches(indices: NDArray[np.int64]) -> Sequence[NDArray[np.int64]]:
    return [indices[i : i + BATCH] for i in range(0, len(indices), BATCH)]


def _tensor(maps: Maps, rows: NDArray[np.integer]) -> torch.Tensor:
    """Maps as a head takes them: (samples, channels, h, w), float32."""
    return torch.from_numpy(maps.take(rows).astype(np.float32)).permute(0, 3, 1, 2)
