import numpy as np
import pytest
from scipy.stats import t

from polyscale.stats import split_interval, training_interval


def test_splits_without_a_correction_have_the_usual_t_interval():
    values = np.random.default_rng(0).normal(0.1, 0.02, 10)
    low, high = t.interval(0.95, 9, values.mean(), values.std(ddof=1) / np.sqrt(10))
    estimate = split_interval(values, num_train=10**12, num_test=1)
    assert estimate == pytest.approx((values.mean(), low, high), rel=1e-6)


def test_the_correction_is_that_of_nadeau_and_bengio():
    values = [0.0, 0.1, 0.2]
    difference, low, high = split_interval(values, num_train=200, num_test=100)
    reach = t.ppf(0.975, 2) * np.sqrt((1 / 3 + 1 / 2) * 0.01)
    assert (difference, low, high) == pytest.approx((0.1, 0.1 - reach, 0.1 + reach))


def test_training_images_add_to_the_spread_over_test_images():
    same = training_interval(0.05, 0.01, 0.09, [0.03] * 200)
    assert same == pytest.approx((0.05, 0.01, 0.09), abs=1e-3)
    wide = training_interval(0.05, 0.01, 0.09, [0.0, 0.1] * 100)
    assert wide[0] == 0.05
    assert wide[1] < same[1]
    assert same[2] < wide[2]


def test_half_samples_spread_as_much_as_new_training_sets():
    """Of a mean: the variance over halves is that over samples of the whole size."""
    rng = np.random.default_rng(0)
    spread = []
    for _ in range(200):
        sample = rng.normal(size=40)
        halves = [rng.permutation(sample)[:20].mean() for _ in range(20)]
        spread.append(np.var(halves, ddof=1))
    assert np.mean(spread) == pytest.approx(1 / 40, rel=0.1)


def test_the_corrected_interval_covers_and_the_plain_one_does_not():
    """Two classifiers on two noisy views of the same images, over many data sets."""
    rng = np.random.default_rng(0)
    truth, covered = np.mean([_differences(rng, 1)[0] for _ in range(1000)]), np.zeros(2)
    for _ in range(150):
        differences = _differences(rng, 10)
        _, low, high = split_interval(differences, num_train=100, num_test=50)
        plain = t.interval(0.95, 9, np.mean(differences), np.std(differences, ddof=1) / 10**0.5)
        covered += (low <= truth <= high), (plain[0] <= truth <= plain[1])
    assert covered[0] / 150 > 0.9
    assert covered[1] / 150 < 0.8


def _differences(rng, num_splits):
    """Of the accuracies of the nearest class mean, over splits of one data set."""
    right = rng.integers(0, 2, 150) * 2 - 1
    views = [
        rng.normal(size=(150, 10)) + 0.3 * right[:, None] * (np.arange(10) < n) for n in (4, 5)
    ]
    differences = []
    for _ in range(num_splits):
        order = rng.permutation(150)
        train, test = order[50:], order[:50]
        accuracies = []
        for view in views:
            mean = (view[train] * right[train, None]).mean(axis=0)
            accuracies.append(np.mean((view[test] @ mean > 0) == (right[test] > 0)))
        differences.append(accuracies[0] - accuracies[1])
    return differences
