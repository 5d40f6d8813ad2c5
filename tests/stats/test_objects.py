import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.measure import label

from polyscale.errors import InputError
from polyscale.stats import object_ious


def plain(labels, predicted, min_area_px):
    """By the definition, one object after the other; skimage finds components of all classes."""
    predicted = np.where(labels < 0, -1, predicted)
    objects = label(labels, background=-1, connectivity=2)
    blobs = label(predicted, background=-1, connectivity=2)
    rows = []
    for i in range(1, objects.max() + 1):
        c = objects == i
        (kind,) = np.unique(labels[c])
        p = np.isin(blobs, np.unique(blobs[c & (predicted == kind)]))
        if c.sum() >= min_area_px:
            rows.append((kind, c.sum(), (c & p).sum() / (c | p).sum()))
    return sorted(rows)


@pytest.mark.parametrize("seed", range(4))
def test_objects_are_those_of_the_definition(seed):
    rng = np.random.default_rng(seed)
    scores = gaussian_filter(rng.normal(size=(5, 60, 75)), (0, 3, 3))
    labels = (scores.argmax(axis=0) - 1).astype(np.int16)  # the first is ignored
    noisy = scores[1:] + gaussian_filter(rng.normal(size=(4, 60, 75)), (0, 2, 2)) / 3
    predicted = noisy.argmax(axis=0)
    found = object_ious(labels, predicted, 6, min_area_px=9)
    rows = sorted(zip(found.class_index, found.area_px, found.iou, strict=True))
    np.testing.assert_allclose(rows, plain(labels, predicted, 9))
    assert len(found) > 8


def test_one_blob_over_two_objects_marks_both_down():
    labels = np.zeros((8, 20), np.int16)
    labels[2:6, 2:6] = labels[2:6, 12:16] = 1
    apart = object_ious(labels, labels, 2)
    np.testing.assert_array_equal(apart.iou, 1)
    np.testing.assert_array_equal(apart.area_px, [128, 16, 16])
    joined = labels.copy()
    joined[2:6, 2:16] = 1
    np.testing.assert_allclose(object_ious(labels, joined, 2).iou[1:], 16 / 56)


def test_what_is_missed_has_0_and_blobs_elsewhere_cost_nothing():
    labels = np.zeros((8, 20), np.int16)
    labels[2:6, 2:6] = 1
    predicted = np.zeros_like(labels)
    predicted[0:4, 14:18] = 1
    assert object_ious(labels, predicted, 2).iou[1] == 0
    predicted[2:6, 2:6] = 1
    assert object_ious(labels, predicted, 2).iou[1] == 1


def test_nothing_to_find():
    ignored = np.full((5, 5), -1, np.int16)
    assert len(object_ious(ignored, ignored + 1, 3)) == 0
    assert len(object_ious(ignored + 1, ignored + 1, 3, min_area_px=26)) == 0
    with pytest.raises(InputError, match="predicted must be from 0 to 2"):
        object_ious(ignored, ignored, 3)
