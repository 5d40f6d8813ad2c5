"""Every metric of the tasks with a target for every pixel, from judged images to resamples."""

from types import SimpleNamespace

import numpy as np
import pytest
from tests.tiny_study import CANDIDATES

from polyscale.report.read import read_run
from polyscale.stats import REDUCTIONS
from polyscale.tasks import Depth, Segmentation

DATA = SimpleNamespace(
    class_names=("a", "b", "c"), min_depth_m=0.1, max_depth_m=10.0, crop_yxyx=None
)


def judged(task, generator):
    """Five images with predictions that are right half of the time."""
    for _ in range(5):
        if isinstance(task, Depth):
            truth = generator.uniform(1, 5, (6, 8))
            predicted = truth * generator.uniform(0.7, 1.4, (6, 8))
        else:
            truth = generator.integers(-1, 2, (6, 8)).astype(np.int16)  # never c
            predicted = np.where(generator.random((6, 8)) < 0.5, truth.clip(0), 2)
        yield task.judge(truth, predicted, DATA)


@pytest.mark.parametrize(
    ("task", "key"),
    [(task, key) for task in (Segmentation(), Depth()) for key in task.metric_keys],
)
def test_what_is_resampled_gives_the_metric(task, key):
    images = list(judged(task, np.random.default_rng(0)))
    expected = {task.metric.key: task.collect(images).value, **task.collect(images).others}
    chosen = task.judged_by(key)
    scores = chosen.collect(images)
    assert scores.value == pytest.approx(expected.pop(key))
    assert scores.others == pytest.approx(expected)
    assert chosen.reduce(scores.statistics.mean(axis=0)[None]) == pytest.approx(scores.value)
    record = chosen.record()
    columns = [np.array(scores.columns[name]).reshape(5, -1) for name in record.statistics]
    again = REDUCTIONS[record.reduction](np.hstack(columns).mean(axis=0)[None])
    assert again == pytest.approx(scores.value)


def test_a_run_judged_by_pixels_is_read_again(study, tmp_path):
    comparison = study(CANDIDATES[:2], metric="pixel_accuracy")
    comparison.save(tmp_path)
    run = read_run(tmp_path)
    assert run.task.metric.key == run.results[0].metric == "pixel_accuracy"
    assert {row.metric for row in comparison.rows} == {"pixel_accuracy"}
    assert {"miou", "mean_accuracy"} == comparison.rows[0].scores.keys()
