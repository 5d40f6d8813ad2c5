"""Gains that are found with one half and measured with the other, and shares of them."""

import numpy as np
import pytest
from scipy.stats import binomtest

from polyscale.stats import cross_fit, share_of_gain

NUM_HALVINGS, NUM_TEST = 5, 200
PLANTED = np.arange(12)


def gains_of(rng, effect=0.0):
    """Noise of the heads, and an effect that the planted images have with any head."""
    gains = rng.normal(0, 0.2, (NUM_HALVINGS, 2, NUM_TEST))
    gains[..., PLANTED] += effect
    return gains


def halves_of_one_sample(rng, noise=0.2, num_train=40):
    """Gains by the mean of training values, so that halves of different halvings share images."""
    values = rng.normal(0, noise * num_train**0.5 / 2, (num_train, NUM_TEST))
    gains = np.empty((NUM_HALVINGS, 2, NUM_TEST))
    for own in gains:
        order = rng.permutation(num_train)
        own[:] = [values[half].mean(axis=0) for half in np.split(order, 2)]
    return gains


@pytest.mark.parametrize("make", [gains_of, halves_of_one_sample])
def test_in_noise_nothing_is_found(make):
    rng = np.random.default_rng(0)
    estimates = [cross_fit(make(rng)).gain for _ in range(200)]
    assert np.mean([e.ci_low > 0 for e in estimates]) <= 0.05
    assert abs(np.mean([e.value for e in estimates])) < 0.01


def test_measured_with_the_heads_that_found_them_noise_would_be_a_gain():
    """The mistake that halves are there to avoid."""
    gains = gains_of(np.random.default_rng(0))
    assert np.sort(gains[0, 0])[-20:].mean() > 0.25
    gains[:, 1] = gains[:, 0]
    assert cross_fit(gains).gain.ci_low > 0.25


def test_a_planted_effect_is_found_where_it_is_and_measured_as_large_as_it_is():
    found = cross_fit(gains_of(np.random.default_rng(0), effect=0.8))
    assert found.num_found == 20
    assert set(np.flatnonzero(found.times_found >= NUM_HALVINGS)) == set(PLANTED)
    # 12 of the 20 images that a search finds have the effect
    assert found.gain.value == pytest.approx(0.8 * 12 / 20, abs=0.05)
    assert 0 < found.gain.ci_low < found.gain.value < found.gain.ci_high
    on_planted = found.measured[PLANTED].sum() / found.times_found[PLANTED].sum()
    assert on_planted == pytest.approx(0.8, abs=0.05)


def test_the_interval_covers_the_gain_of_new_images_and_new_training_images():
    """Each image has its own gain, and each half of the training images adds noise."""
    rng, covered = np.random.default_rng(0), []
    for _ in range(200):
        own = rng.exponential(0.2, NUM_TEST) - 0.2
        gains = own + rng.normal(0, 0.1, (NUM_HALVINGS, 2, NUM_TEST))
        many = rng.exponential(0.2, 20_000) - 0.2
        noisy = many + rng.normal(0, 0.1, many.shape)
        truth = many[np.argsort(-noisy)[:2000]].mean()
        gain = cross_fit(gains).gain
        covered.append(gain.ci_low <= truth <= gain.ci_high)
    assert np.mean(covered) > 0.9


def test_images_without_a_gain_are_never_found():
    found = cross_fit(np.zeros((NUM_HALVINGS, 2, NUM_TEST)))
    assert not found.times_found.any()
    assert (found.gain.value, found.gain.ci_low, found.gain.ci_high) == (0, 0, 0)
    gains = np.full((1, 2, 10), -1.0)
    gains[0, 0, 3] = gains[0, 1, 3] = 0.5
    assert cross_fit(gains).times_found.tolist() == [0, 0, 0, 2, 0, 0, 0, 0, 0, 0]
    assert cross_fit(gains).measured[3] == 1.0


def test_the_share_of_a_gain_that_is_equal_everywhere_is_that_of_a_count():
    is_kind = np.arange(30) < 9
    low, high = binomtest(9, 30).proportion_ci(0.95, "exact")
    assert share_of_gain(np.full(30, 0.2), is_kind) == pytest.approx((0.3, low, high))


def test_a_gain_on_few_images_says_less_and_losses_do_not_count():
    even = share_of_gain(np.ones(20), np.arange(20) < 5)
    uneven = np.where(np.arange(20) % 4 == 0, 1.0, 0.1)
    share, low, high = share_of_gain(uneven, np.arange(20) < 5)
    assert high - low > even[2] - even[1]
    with_losses = share_of_gain(np.concatenate([uneven, -np.ones(5)]), np.arange(25) < 5)
    assert with_losses == pytest.approx((share, low, high))


@pytest.mark.parametrize("kind", [False, True])
def test_a_share_of_nothing_or_all_still_has_an_interval(kind):
    share, low, high = share_of_gain(np.ones(10), np.full(10, kind))
    assert share == kind
    assert (low, high) == pytest.approx((0.692, 1) if kind else (0, 0.308), abs=1e-3)
    assert share_of_gain(-np.ones(10), np.full(10, kind)) is None
