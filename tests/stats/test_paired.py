from statistics import NormalDist

import numpy as np
import pytest
from scipy.stats import bootstrap

from polyscale.stats import accuracy_intervals, paired_contrasts

GENERATOR = np.random.default_rng(0)
EASY = GENERATOR.random(300)
CORRECT = {"a": EASY < 0.5, "b": EASY < 0.6, "c": GENERATOR.random(300) < 0.6}


def test_intervals_are_wilsons():
    for name, (low, high) in accuracy_intervals(CORRECT).items():
        share, z = CORRECT[name].mean(), NormalDist().inv_cdf(0.975)
        # the shares that a normal test at 5 % does not reject
        for edge in (low, high):
            assert abs(share - edge) / np.sqrt(edge * (1 - edge) / 300) == pytest.approx(z)


def test_all_right_is_not_certainty():
    low, high = accuracy_intervals({"a": np.ones(4, bool)})["a"]
    assert low == pytest.approx(0.51, abs=0.01)
    assert high == 1


def test_contrast_intervals_equal_scipys_paired_bootstrap():
    difference = CORRECT["a"].astype(float) - CORRECT["c"]
    expected = bootstrap((difference,), np.mean, method="percentile", rng=1).confidence_interval
    ac = next(c for c in paired_contrasts(CORRECT) if (c.first, c.second) == ("a", "c"))
    assert (ac.ci_low, ac.ci_high) == pytest.approx((expected.low, expected.high), abs=0.007)


def test_differences_are_paired():
    """a and b agree on nearly every image, a and c on few: same gain, different certainty."""
    contrasts = {(c.first, c.second): c for c in paired_contrasts(CORRECT)}
    ab, ac = contrasts["a", "b"], contrasts["a", "c"]
    assert ab.ci_high - ab.ci_low < 0.7 * (ac.ci_high - ac.ci_low)
    assert ab.difference == pytest.approx(CORRECT["a"].mean() - CORRECT["b"].mean())
    # normal theory of a paired difference
    spread = np.std(CORRECT["a"].astype(float) - CORRECT["c"]) / np.sqrt(300)
    expected = ac.difference - NormalDist().inv_cdf(0.975) * spread
    assert ac.ci_low == pytest.approx(expected, abs=0.01)


def test_every_pair_once():
    pairs = [(c.first, c.second) for c in paired_contrasts(CORRECT)]
    assert pairs == [("a", "b"), ("a", "c"), ("b", "c")]


def test_counts_and_mcnemar():
    first = np.array([1] * 8 + [0] * 2 + [1] * 20, dtype=bool)
    second = np.array([0] * 8 + [1] * 2 + [1] * 20, dtype=bool)
    (contrast,) = paired_contrasts({"x": first, "y": second})
    assert (contrast.only_first, contrast.only_second, contrast.num_test) == (8, 2, 30)
    # two-sided binomial: 2 · Σ_{k≤2} C(10, k) / 2¹⁰
    assert contrast.p_value == pytest.approx(2 * (1 + 10 + 45) / 1024)


def test_equal_answers_are_no_certainty():
    """On 300 images the two may still differ on one in a hundred."""
    (contrast,) = paired_contrasts({"x": CORRECT["a"], "y": CORRECT["a"].copy()})
    assert contrast.difference == 0
    assert (contrast.ci_low, contrast.ci_high) == pytest.approx((-0.0126, 0.0126), abs=1e-4)
    assert contrast.p_value == 1
