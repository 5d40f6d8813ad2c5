"""Contrasts and intervals over other trainings as well as other images."""

import numpy as np
import pytest

from polyscale.errors import InputError
from polyscale.records import Metric
from polyscale.stats import (
    accuracy_intervals,
    paired_contrasts,
    training_contrasts,
    training_intervals,
)
from polyscale.stats.trial import images_needed


def test_contrasts_over_trainings_agree_with_their_intervals():
    rng = np.random.default_rng(0)
    values = {
        name: rng.normal(mean, 0.2, (3, 300)) + rng.normal(0, 0.02, (3, 1))
        for name, mean in {"a": 0.5, "b": 0.5, "c": 0.8}.items()
    }
    metric = Metric(key="accuracy", name="Accuracy")
    contrasts = training_contrasts(values, metric=metric, margin=0.2)
    assert [(c.first, c.second) for c in contrasts] == [("a", "b"), ("a", "c"), ("b", "c")]
    for each in contrasts:
        assert each.ci_low < each.ci90_low < each.difference < each.ci90_high < each.ci_high
        assert (each.p_value < 0.05) == (each.ci_low > 0 or each.ci_high < 0)
        is_within = max(abs(each.ci90_low), abs(each.ci90_high)) < each.margin
        assert (each.p_equivalence < 0.05) == is_within
    assert contrasts[0].p_equivalence < 0.05 < contrasts[1].p_equivalence
    assert images_needed(contrasts[0], num_trials=1) is None
    low, high = training_intervals(values)["a"]
    assert low < values["a"].mean() < high


def test_a_margin_of_contrasts_over_trainings_is_above_zero():
    metric = Metric(key="accuracy", name="Accuracy")
    with pytest.raises(InputError, match="margin must be above 0, in units of accuracy, but got 0"):
        training_contrasts({"a": np.ones((3, 9))}, metric=metric, margin=0)


def test_trainings_that_differ_widen_contrasts():
    images = np.random.default_rng(0).normal(0.1, 0.2, 400)
    alike = {"a": np.tile(images, (3, 1)), "b": np.zeros((3, 400))}
    apart = {**alike, "a": alike["a"] + np.array([[-0.1], [0.0], [0.1]])}
    metric = Metric(key="accuracy", name="Accuracy")
    (same,), (varied,) = (training_contrasts(v, metric=metric, margin=0.1) for v in (alike, apart))
    assert same.p_value < 0.001
    assert varied.difference == pytest.approx(same.difference)
    assert varied.p_value > 0.05


METRIC = Metric(key="success", name="Success rate")


def alike(num, value):
    """Three trainings that all end alike on each image."""
    return np.full((3, num), float(value))


@pytest.mark.parametrize("num", [2, 3, 4, 5, 6, 8, 12, 30])
def test_trainings_that_agree_prove_no_more_than_one(num):
    values = {"a": alike(num, 1), "b": alike(num, 0)}
    (low, high), (floor, ceiling) = training_intervals(values).values()
    assert (floor, high) == (0, 1)
    one = accuracy_intervals({"a": np.ones(num, bool)})["a"]
    assert low < one[0] + 0.05
    (contrast,) = training_contrasts(values, metric=METRIC, margin=0.05)
    assert contrast.difference == contrast.ci_high == 1
    assert contrast.p_value >= min(0.2, 0.5 ** (num - 1))  # as McNemar's exact test
    assert ceiling == pytest.approx(1 - low, abs=1e-6)


@pytest.mark.parametrize(("num", "same"), [(4, False), (40, False), (51, False), (60, True)])
def test_as_many_images_as_a_score_test_needs_show_that_two_are_equal(num, same):
    values = {"a": alike(num, 1), "b": alike(num, 1)}
    (contrast,) = training_contrasts(values, metric=METRIC, margin=0.05)
    assert contrast.difference == 0
    assert (contrast.p_equivalence < 0.05) == same


def test_intervals_of_shares_are_near_those_of_wilson_and_tango():
    """With trainings that are all alike, which are no more than one."""
    rng = np.random.default_rng(0)
    first, second = rng.random(100) < 0.9, rng.random(100) < 0.8
    values = {"a": np.tile(first, (3, 1)) * 1.0, "b": np.tile(second, (3, 1)) * 1.0}
    intervals = accuracy_intervals({"a": first, "b": second})
    for name, found in training_intervals(values).items():
        assert found == pytest.approx(intervals[name], abs=0.01)
    (both,) = training_contrasts(values, metric=METRIC, margin=0.05)
    (exact,) = paired_contrasts({"a": first, "b": second})
    assert (both.ci_low, both.ci_high) == pytest.approx((exact.ci_low, exact.ci_high), abs=0.015)
    assert both.difference == pytest.approx(exact.difference)
