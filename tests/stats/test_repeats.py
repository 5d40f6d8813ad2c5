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
