import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassConfusionMatrix,
    MulticlassJaccardIndex,
)

from polyscale.errors import InputError
from polyscale.stats import (
    class_iou,
    count_pixels,
    image_intervals,
    mean_iou,
    segmentation_metrics,
    stack_counts,
)

NUM_CLASSES = 7


@pytest.fixture
def maps():
    """12 truths and guesses; class 5 is only predicted, class 6 in neither."""
    rng = np.random.default_rng(0)
    labels = rng.integers(-1, 5, (12, 20, 31)).astype(np.int16)
    noise = rng.integers(0, 6, labels.shape)
    predicted = np.where((rng.random(labels.shape) < 0.6) & (labels >= 0), labels, noise)
    return labels, predicted.astype(np.uint8)


@pytest.fixture
def counts(maps):
    return stack_counts([count_pixels(t, p, NUM_CLASSES) for t, p in zip(*maps, strict=True)])


def test_counts_are_those_of_the_confusion_matrix(maps, counts):
    for i, (labels, predicted) in enumerate(zip(*maps, strict=True)):
        judged = labels >= 0
        matrix = confusion_matrix(labels[judged], predicted[judged], labels=range(NUM_CLASSES))
        np.testing.assert_array_equal(counts.intersection[i], matrix.diagonal())
        np.testing.assert_array_equal(counts.truth[i], matrix.sum(axis=1))
        np.testing.assert_array_equal(counts.predicted[i], matrix.sum(axis=0))
        either = [((labels == c) | (predicted == c))[judged].sum() for c in range(NUM_CLASSES)]
        np.testing.assert_array_equal(counts.union[i], either)


def test_metrics_are_those_of_torchmetrics_over_the_data_set(maps, counts):
    metrics = {
        "pixel_accuracy": MulticlassAccuracy(NUM_CLASSES, ignore_index=-1, average="micro"),
    }
    ious = MulticlassJaccardIndex(NUM_CLASSES, ignore_index=-1, average="none")
    matrix = MulticlassConfusionMatrix(NUM_CLASSES, ignore_index=-1)
    for labels, predicted in zip(*maps, strict=True):
        for metric in (*metrics.values(), ious, matrix):
            metric.update(torch.from_numpy(predicted).long(), torch.from_numpy(labels).long())
    ours = segmentation_metrics(counts)
    for name, metric in metrics.items():
        assert ours[name] == pytest.approx(float(metric.compute()), rel=1e-6)
    confusion = matrix.compute().numpy()[:5]  # classes of the truth
    expected = (confusion.diagonal() / confusion.sum(axis=1)).mean()
    assert ours["mean_accuracy"] == pytest.approx(expected)
    theirs = ious.compute().numpy()[:5]
    np.testing.assert_allclose(class_iou(counts)[:5], theirs, rtol=1e-6)
    assert ours["miou"] == pytest.approx(theirs.mean(), rel=1e-6)


def test_classes_that_are_nowhere_in_the_truth_are_left_out_whatever_is_predicted(counts):
    assert counts.predicted[:, 5].any()
    iou = class_iou(counts)
    assert np.isnan(iou[5:]).all()
    assert segmentation_metrics(counts)["miou"] == pytest.approx(iou[:5].mean())


def test_the_bootstrap_resamples_the_same_metric(counts):
    union = np.where(counts.truth.any(axis=0), counts.union, 0)
    rows = np.concatenate([counts.intersection, union], axis=1)
    miou = segmentation_metrics(counts)["miou"]
    assert mean_iou(rows.mean(axis=0)[None])[0] == pytest.approx(miou)
    ((low, high),) = image_intervals({"a": rows}, mean_iou).values()
    assert low < miou < high < low + 0.1


def test_many_classes_do_not_overflow_the_labels():
    labels = np.array([[299, -1], [0, 150]], np.int16)
    counts = count_pixels(labels, np.array([[299, 3], [150, 150]], np.int16), 300)
    assert np.flatnonzero(counts.intersection).tolist() == [150, 299]
    assert (counts.predicted[150], counts.predicted[3]) == (2, 0)


def test_mistakes():
    zeros = np.zeros((2, 2), np.int16)
    with pytest.raises(InputError, match=r"predicted must have the shape of labels \(2, 2\)"):
        count_pixels(zeros, zeros[:1], 3)
    with pytest.raises(InputError, match="labels must be from -1 to 2, but got 0 to 255"):
        count_pixels(np.array([[0, 255]], np.int16), zeros[:1], 3)
    with pytest.raises(InputError, match="predicted must be from 0 to 2, but got -1 to 0"):
        count_pixels(zeros[:1], np.array([[0, -1]], np.int16), 3)
    with pytest.raises(InputError, match="all are ignored"):
        segmentation_metrics(stack_counts([count_pixels(zeros - 1, zeros, 3)]))
    with pytest.raises(InputError, match="at least one image"):
        stack_counts([])
