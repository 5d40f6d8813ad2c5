import numpy as np

from polyscale.stats import bootstrap_interval


def ratio(a, b):
    return a.mean(-1) / b.mean(-1)


def test_the_interval_is_that_of_normal_theory_and_seeded():
    values = np.random.default_rng(0).normal(size=200)
    low, high = bootstrap_interval(lambda a: a.mean(-1), values, seed=1)
    spread = 1.96 * values.std() / np.sqrt(200)
    np.testing.assert_allclose((low, high), values.mean() + spread * np.array([-1, 1]), atol=0.02)
    assert (low, high) == bootstrap_interval(lambda a: a.mean(-1), values, seed=1)
    assert (low, high) != bootstrap_interval(lambda a: a.mean(-1), values, seed=2)


def test_pairs_stay_together():
    """A constant ratio has no spread, however much the samples vary."""
    below = np.arange(1.0, 9)
    np.testing.assert_allclose(bootstrap_interval(ratio, 3 * below, below), (3, 3))


def test_one_case_has_no_interval():
    assert bootstrap_interval(ratio, np.array([1.0]), np.array([2.0])) is None
