from dataclasses import replace

import numpy as np
import pytest

from polyscale.stats import paired_contrasts
from polyscale.stats.intervals import percentile_interval, resampled_means
from polyscale.stats.trial import decide, images_needed, mixed_contrast, more_is_better

RNG = np.random.default_rng(0)
HARD = RNG.normal(size=400)


def answers(skill, noise=0.7):
    return HARD + noise * RNG.normal(size=400) < skill


RIGHT = {"s@1": answers(0.0), "s@1,2": answers(0.4), "l@1": answers(0.3)}
CONTRASTS = {(c.first, c.second): c for c in paired_contrasts(RIGHT)}
CHEAPER, DEARER = CONTRASTS["s@1", "l@1"], CONTRASTS["s@1,2", "l@1"]


@pytest.mark.parametrize("weight", [0.1, 0.5, 0.8])
def test_interval_of_a_mix_holds_that_of_a_bootstrap_of_it(weight):
    """The contrasts alone, without the images, must not promise more than the images would."""
    mixed = mixed_contrast(CHEAPER, DEARER, weight)
    rows = np.stack([RIGHT[name] for name in ("s@1", "s@1,2", "l@1")], axis=1)
    means = resampled_means(rows, 0)
    sampled = (1 - weight) * means[:, 0] + weight * means[:, 1] - means[:, 2]
    low, high = percentile_interval(sampled)
    assert mixed.difference == pytest.approx(sampled.mean(), abs=0.002)
    assert mixed.ci_low <= low + 0.003
    assert mixed.ci_high >= high - 0.003
    assert mixed.ci_high - mixed.ci_low < 1.5 * (high - low)


def test_a_mix_ends_in_its_two_contrasts():
    for weight, end in ((0, CHEAPER), (1, DEARER)):
        mixed = mixed_contrast(CHEAPER, DEARER, weight)
        assert mixed.difference == pytest.approx(end.difference)
        assert (mixed.ci_low, mixed.ci_high) == pytest.approx((end.ci_low, end.ci_high))
        # normal theory against the exact test
        assert mixed.p_value == pytest.approx(end.p_value, abs=0.06)


def test_errors_are_turned_so_that_more_is_better():
    error = replace(DEARER, metric="rmse", higher_is_better=False)
    turned = more_is_better(error)
    assert more_is_better(DEARER) == DEARER
    assert (turned.first, turned.second) == (DEARER.first, DEARER.second)
    assert turned.difference == -DEARER.difference
    assert (turned.ci_low, turned.ci_high) == (-DEARER.ci_high, -DEARER.ci_low)
    assert (turned.ci90_low, turned.ci90_high) == (-DEARER.ci90_high, -DEARER.ci90_low)


def contrast(low, high, low90=None, high90=None):
    facts = {"ci_low": low, "ci_high": high, "ci90_low": low90 or low, "ci90_high": high90 or high}
    return replace(DEARER, margin=0.02, **facts)


@pytest.mark.parametrize(
    ("judged", "p", "q", "outcome"),
    [
        (contrast(0.01, 0.05), 0.01, 0.9, "first"),
        (contrast(-0.05, -0.01), 0.01, 0.9, "second"),
        # the test alone, or the interval alone, is not enough
        (contrast(-0.01, 0.05), 0.01, 0.9, "inconclusive"),
        (contrast(0.01, 0.05), 0.06, 0.9, "inconclusive"),
        (contrast(-0.015, 0.015), 0.9, 0.04, "equivalent"),
        (contrast(-0.015, 0.015), 0.9, 0.06, "inconclusive"),
        (contrast(-0.03, 0.03, -0.025, 0.025), 0.9, 0.04, "inconclusive"),
        # the 90 % interval is what counts for equivalence
        (contrast(-0.03, 0.03, -0.015, 0.015), 0.9, 0.04, "equivalent"),
        # certain, but smaller than what the margin calls a difference
        (contrast(0.001, 0.015), 0.01, 0.04, "equivalent"),
    ],
)
def test_test_and_interval_must_agree(judged, p, q, outcome):
    assert decide(judged, p, q) == outcome


def test_images_needed_are_more_where_more_is_tested():
    alone = images_needed(DEARER, num_trials=1)
    many = images_needed(DEARER, num_trials=10)
    assert 400 < alone < many
    # the same by normal theory, for metrics without right and wrong
    bare = replace(DEARER, only_first=None, only_second=None)
    assert images_needed(bare, num_trials=1) == pytest.approx(alone, rel=0.15)


def test_what_no_number_of_images_settles():
    nothing = replace(DEARER, only_first=0, only_second=0, margin=0.01)
    assert images_needed(nothing, num_trials=1) is not None  # they would be found equal
    bare = replace(DEARER, only_first=None, only_second=None)
    wide = replace(bare, difference=0.0, ci_low=-1.0, ci_high=1.0, margin=1e-6)
    assert images_needed(wide, num_trials=1) is None
    certain = replace(bare, difference=0.2, ci_low=0.2, ci_high=0.2)  # no resample differs
    assert images_needed(certain, num_trials=1) is None


def test_a_mix_of_equal_answers_is_no_surer_than_their_own_tests():
    """They agree on every image, but fifty images prove no equality."""
    same = RIGHT["l@1"][:50]
    pairs = paired_contrasts({"s@1": same, "s@1,2": same.copy(), "l@1": same.copy()})
    cheaper, dearer = (c for c in pairs if c.second == "l@1")
    assert mixed_contrast(cheaper, dearer, 0.5).p_equivalence >= cheaper.p_equivalence > 0.05
