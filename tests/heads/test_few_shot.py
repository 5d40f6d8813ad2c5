import numpy as np
import pytest

from polyscale.errors import InputError
from polyscale.heads import few_shot, fit_logistic_probe
from polyscale.heads.linear_probe import FEW_SHOT_REGULARISER, first_of_each


def clusters(num=200, num_classes=4):
    generator = np.random.default_rng(0)
    labels = np.arange(num) % num_classes
    rows = generator.normal(size=(num, 10)) + 2 * np.eye(num_classes, 10)[labels]
    return rows.astype(np.float32), labels


def test_draws():
    _, labels = clusters()
    order = np.random.default_rng(0).permutation(100)
    five, ten = (first_of_each(labels[:100], order, number) for number in (5, 10))
    assert np.bincount(labels[five]).tolist() == [5] * 4
    assert set(five) < set(ten)


def test_accuracies():
    rows, labels = clusters()
    split = rows[:100], labels[:100], rows[100:], labels[100:]
    results = few_shot(*split)
    assert [r.shots for r in results] == [1, 5, 10, 25]
    assert results == few_shot(*split)
    assert results != few_shot(*split, seed=1)
    for result in results:
        assert len(result.accuracies) == 3
        assert result.mean == pytest.approx(np.mean(result.accuracies))
    assert results[0].mean < results[-1].mean
    # 25 of each class are all rows: one fit
    everything = fit_logistic_probe(*split[:3], regulariser=FEW_SHOT_REGULARISER)
    accuracy = (everything.probabilities.argmax(axis=1) == labels[100:]).mean()
    assert results[-1].accuracies == (accuracy,) * 3


def test_more_shots_than_the_smallest_class_has_are_skipped():
    rows, labels = clusters(32)
    one, more = few_shot(rows, labels, rows, labels, shots=(1, 10))
    assert one.skipped is None
    assert more.skipped == "the smallest class has 8 training images"
    assert np.isnan(more.mean)


def test_bad_input():
    rows, labels = clusters(32)
    with pytest.raises(InputError, match="test_labels must be one a row of 32, from 0 to 3"):
        few_shot(rows, labels, rows, labels[:-1])
    with pytest.raises(InputError, match=r"shots and num_draws must be at least 1, but got \[0\]"):
        few_shot(rows, labels, rows, labels, shots=[0])
