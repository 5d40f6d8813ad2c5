import numpy as np
import pytest

from polyscale.errors import InputError
from polyscale.records import Metric
from polyscale.stats import (
    accuracy_intervals,
    over_both,
    over_seeds,
    paired_contrasts,
    training_contrasts,
    training_intervals,
)
from polyscale.stats.trial import images_needed

RIGHT = np.random.default_rng(0).random(400) < 0.7


def test_equal_seeds_leave_the_sampling_alone():
    spread = over_seeds(np.stack([RIGHT] * 3))
    assert spread.seed_std == 0
    (contrast,) = paired_contrasts({"a": RIGHT, "none": np.zeros(400, bool)})
    assert (spread.ci_low, spread.ci_high) == pytest.approx(
        (contrast.ci_low, contrast.ci_high), abs=0.005
    )


def test_equal_images_leave_the_seeds_alone():
    """Every image alike: other images would change nothing, another seed would."""
    spread = over_seeds(np.array([[0.6] * 50, [0.7] * 50, [0.8] * 50]))
    assert spread.values == pytest.approx((0.6, 0.7, 0.8))
    assert spread.seed_std == pytest.approx(0.1)
    assert (spread.ci_low, spread.ci_high) == pytest.approx((0.7, 0.7))


def test_more_seeds_narrow_no_sampling():
    """Seeds share the images: twenty of them are not twenty times the test set."""
    flips = np.random.default_rng(1).random((20, 400)) < 0.02
    many, few = over_seeds(RIGHT ^ flips), over_seeds((RIGHT ^ flips)[:3])
    width = many.ci_high - many.ci_low
    assert width > 0.9 * (few.ci_high - few.ci_low)
    assert width == pytest.approx(2 * 1.96 * np.sqrt(0.7 * 0.3 / 400), rel=0.15)


@pytest.mark.parametrize("shape", [(2, 50), (50,), (3, 0)])
def test_three_seeds_at_least(shape):
    with pytest.raises(InputError, match="values must be at least 3 seeds by test images"):
        over_seeds(np.zeros(shape))


def test_an_interval_over_both_is_that_over_images_where_seeds_agree():
    values = np.tile(np.random.default_rng(0).normal(0.1, 1, 400), (3, 1))
    spread = over_seeds(values)
    both = over_both(spread)
    low, high = both.interval()
    assert (low, high) == pytest.approx((spread.ci_low, spread.ci_high), abs=0.01)
    assert (both.p_value < 0.05) == (low > 0 or high < 0)


def test_an_interval_over_both_covers_other_seeds_and_other_images():
    """Both true means are zero: one time in twenty the interval may miss it."""
    rng, missed = np.random.default_rng(0), 0
    for _ in range(200):
        shared, own = rng.normal(0, 1, 100), rng.normal(0, 0.1, (3, 1))
        both = over_both(over_seeds(shared + own + rng.normal(0, 0.5, (3, 100))))
        low, high = both.interval()
        missed += not low <= 0 <= high
    assert missed <= 20


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


@pytest.mark.parametrize("num", [2, 4, 30, 60])
def test_nothing_is_certain_because_few_images_are_alike(num):
    right, wrong = np.ones((3, num)), np.zeros((3, num))
    (low, high), (floor, ceiling) = training_intervals({"a": right, "b": wrong}).values()
    assert low < 1 == high
    assert floor == 0 < ceiling
    (apart,) = training_contrasts({"a": right, "b": wrong}, metric=METRIC, margin=0.05)
    (alike,) = training_contrasts({"a": right, "b": right}, metric=METRIC, margin=0.05)
    assert (apart.difference, alike.difference) == (1, 0)
    assert (apart.p_value < 0.05) == (num > 2)
    assert (alike.p_equivalence < 0.05) == (num > 32)


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
