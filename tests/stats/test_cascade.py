import numpy as np
import pytest

from polyscale.errors import InputError
from polyscale.stats import CascadeAnswers, cascade_curve, choose_threshold, run_cascade

COSTS = {"small_cost": 2.0, "extra_cost": 6.0}


def answers(seed=0, num=300, digits=2):
    """The small model is right the more often the surer it is; ties by rounding."""
    rng = np.random.default_rng(seed)
    confidence = np.round(rng.uniform(0.3, 1, num), digits)
    return CascadeAnswers(
        confidence=confidence,
        small_correct=rng.random(num) < confidence,
        large_correct=rng.random(num) < 0.85,
    )


def test_every_threshold_as_one_would_run_it():
    found = answers()
    curve = cascade_curve(found, **COSTS)
    assert len(curve.thresholds) == len(np.unique(found.confidence)) + 1
    for i, threshold in enumerate(curve.thresholds):
        sent = found.confidence < threshold
        right = np.where(sent, found.large_correct, found.small_correct)
        assert curve.share[i] == pytest.approx(sent.mean())
        assert curve.accuracy[i] == pytest.approx(right.mean())
        assert curve.cost[i] == pytest.approx(2 + 6 * sent.mean())
        assert curve.at(threshold).accuracy == curve.accuracy[i]


def test_ends_are_the_two_models():
    found = answers()
    curve = cascade_curve(found, **COSTS)
    assert (curve.share[0], curve.share[-1]) == (0, 1)
    assert (curve.cost[0], curve.cost[-1]) == (2, 8)
    small, large = found.small_correct.mean(), found.large_correct.mean()
    for accuracy in (curve.accuracy, curve.random_accuracy):
        assert (accuracy[0], accuracy[-1]) == pytest.approx((small, large))


def test_between_two_thresholds():
    curve = cascade_curve(answers(digits=1), **COSTS)
    assert curve.at(0.55).share == curve.at(0.6).share > curve.at(0.5).share
    assert curve.at(0).share == 0
    assert curve.at(2).share == 1


def test_area_gain_of_chance_is_none_and_of_confidence_is_some():
    found = answers(num=1000, digits=8)
    rng = np.random.default_rng(1)
    gains = [
        cascade_curve(
            CascadeAnswers(
                confidence=rng.permutation(found.confidence),
                small_correct=found.small_correct,
                large_correct=found.large_correct,
            ),
            **COSTS,
        ).area_gain
        for _ in range(200)
    ]
    assert abs(np.mean(gains)) < 4 * np.std(gains) / np.sqrt(200)
    assert cascade_curve(found, **COSTS).area_gain > 4 * np.std(gains)


def test_area_gain_of_an_oracle():
    """A quarter is only the large model's, and goes on first: a triangle below the plateau."""
    small = np.array([0, 1, 1, 1], bool).repeat(100)
    oracle = CascadeAnswers(
        confidence=small + np.linspace(0, 0.5, 400),
        small_correct=small,
        large_correct=np.ones(400, bool),
    )
    curve = cascade_curve(oracle, **COSTS)
    # ∫ min(share, ¼) - share / 4 = (¼)² / 2 + ¾ · ¼ - ⅛
    assert curve.area_gain == pytest.approx(1 / 32 + 3 / 16 - 1 / 8)


def test_threshold_is_the_best_of_calibration_within_the_budget():
    curve = cascade_curve(answers(), **COSTS)
    for budget in (2.0, 3.5, 8.0):
        chosen = curve.at(choose_threshold(curve, max_cost=budget))
        within = curve.cost <= budget
        assert chosen.cost <= budget
        assert chosen.accuracy == curve.accuracy[within].max()
        # of equally accurate ones the cheapest
        ties = within & (curve.accuracy == chosen.accuracy)
        assert chosen.cost == curve.cost[ties].min()


def test_test_images_do_not_choose():
    calibration, test = answers(seed=1), answers(seed=2)
    flipped = CascadeAnswers(
        confidence=test.confidence,
        small_correct=~test.small_correct,
        large_correct=~test.large_correct,
    )
    honest = run_cascade(calibration, test, **COSTS, max_cost=5)
    other = run_cascade(calibration, flipped, **COSTS, max_cost=5)
    assert (honest.threshold, honest.share) == (other.threshold, other.share)
    assert honest.accuracy == pytest.approx(1 - other.accuracy)
    assert honest.cost == pytest.approx(5, abs=0.5)


def test_mistakes():
    found = answers()
    with pytest.raises(InputError, match="costs must be at least 0"):
        cascade_curve(found, small_cost=5, extra_cost=-1)
    with pytest.raises(InputError, match="max_cost must be at least the small model's 2"):
        choose_threshold(cascade_curve(found, **COSTS), max_cost=1)
    with pytest.raises(InputError, match="three arrays with one entry for each image"):
        CascadeAnswers(
            confidence=np.ones(2), small_correct=np.ones(3, bool), large_correct=np.ones(2, bool)
        )
    with pytest.raises(InputError, match="confidence must be finite"):
        CascadeAnswers(
            confidence=np.array([np.nan]),
            small_correct=np.ones(1, bool),
            large_correct=np.ones(1, bool),
        )
