import numpy as np
from scipy.stats import bootstrap

from polyscale.stats.bootstrap import bootstrap_interval


def ratio(a, b):
    return a.mean(-1) / b.mean(-1)


def test_the_interval_is_scipys():
    generator = np.random.default_rng(0)
    below = generator.uniform(1, 2, 40)
    above = 3 * below + generator.normal(size=40)
    low, high = bootstrap_interval(ratio, above, below)
    expected = bootstrap(
        (above, below),
        lambda a, b, axis: a.mean(axis) / b.mean(axis),
        paired=True,
        method="percentile",
        n_resamples=10_000,
    ).confidence_interval
    spread = expected.high - expected.low
    np.testing.assert_allclose((low, high), tuple(expected), atol=0.05 * spread)


def test_pairs_stay_together():
    """A constant ratio has no spread, however much the samples vary."""
    below = np.arange(1.0, 9)
    np.testing.assert_allclose(bootstrap_interval(ratio, 3 * below, below), (3, 3))


def test_one_case_has_no_interval():
    assert bootstrap_interval(ratio, np.array([1.0]), np.array([2.0])) is None
