from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, r2_score

from polyscale.errors import InputError
from polyscale.tasks import Regression, ridge_predictions


def test_r2_and_its_resamples_are_scikit_learns():
    generator = np.random.default_rng(0)
    targets = generator.normal(3, 1, 40)
    predictions = targets + generator.normal(0, 0.4, 40)
    scores = Regression().score(predictions, targets)
    assert scores.value == pytest.approx(r2_score(targets, predictions))
    assert scores.others["absolute_error"] == pytest.approx(
        mean_absolute_error(targets, predictions)
    )
    drawn = generator.integers(40, size=40)
    resampled = Regression().reduce(scores.statistics[drawn].mean(axis=0)[None])
    assert resampled == pytest.approx(r2_score(targets[drawn], predictions[drawn]))


def test_another_metric_stands_beside_the_task_s_own():
    task = Regression().judged_by("absolute_error")
    pair = np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.5, 3.0])
    scores = task.score(*pair)
    assert scores.value == pytest.approx(0.5)
    assert scores.others == {"r2": Regression().score(*pair).value}
    assert task.metric_keys == ("absolute_error", "r2")
    assert task.judged_by("r2").record() == Regression().record()
    with pytest.raises(
        InputError, match="metric must be one of absolute_error, r2, but got 'rmse'"
    ):
        task.judged_by("rmse")


def test_a_resample_of_equal_targets_counts_as_no_better_than_their_mean():
    assert Regression().reduce(np.array([[0.5, 0.2, 0.04]])) == 0


def test_brightness_is_learned(make_data, run_task):
    comparison = run_task(make_data("brightness"), Regression())
    assert min(row.value for row in comparison.rows) > 0.8
    head = comparison.rows[0].probe["head"]
    assert head == "ridge regression on centred pooled features"


@pytest.mark.parametrize("targets", [np.full(40, 3.0), np.full(40, np.nan), np.array(["a"] * 40)])
def test_targets_that_cannot_be_regressed_are_refused(make_data, targets):
    data = make_data("brightness")
    with pytest.raises(InputError, match="targets of the train images.*must be finite numbers"):
        Regression().check_data(replace(data, train=replace(data.train, targets=targets)))


def test_a_column_that_hardly_varies_in_training_does_not_decide_a_prediction():
    rng = np.random.default_rng(0)
    train, test = rng.normal(size=(40, 30)), rng.normal(size=(20, 30))
    targets, wanted = train[:, 0], test[:, 0]
    train = np.c_[train, 1e-6 * rng.normal(size=40)].astype(np.float32)
    test = np.c_[test, np.ones(20)].astype(np.float32)
    error = ridge_predictions(train, targets, test) - wanted
    assert np.abs(error).max() < 1
