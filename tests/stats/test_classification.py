"""Metrics of classifiers against scikit-learn's, and what a bootstrap needs of them."""

import numpy as np
import pytest
from sklearn import metrics

from polyscale.stats import CLASS_METRICS, ClassAnswers, class_metric, class_recalls, reliability

RNG = np.random.default_rng(0)
ORACLES = {
    "accuracy": lambda truth, p, **w: metrics.accuracy_score(truth, p.argmax(1), **w),
    "balanced_accuracy": lambda truth, p, **w: metrics.balanced_accuracy_score(
        truth, p.argmax(1), **w
    ),
    "macro_f1": lambda truth, p, **w: metrics.f1_score(truth, p.argmax(1), average="macro", **w),
    "auroc": lambda truth, p, **w: np.mean(
        [metrics.roc_auc_score(truth == k, p[:, k], **w) for k in range(p.shape[1])]
    ),
}


def some_answers(num=80, num_classes=4, digits=1):
    """Rounded probabilities, so that some are equal."""
    truth = RNG.integers(num_classes, size=num)
    scores = RNG.random((num, num_classes)) + np.eye(num_classes)[truth] * 0.4
    return ClassAnswers(truth, (scores / scores.sum(1, keepdims=True)).round(digits))


def test_every_metric_has_an_oracle():
    assert ORACLES.keys() == CLASS_METRICS.keys()


@pytest.mark.parametrize("key", CLASS_METRICS)
@pytest.mark.parametrize("num_classes", [2, 4])
def test_metrics_are_those_of_scikit_learn_for_any_weights(key, num_classes):
    answers = some_answers(num_classes=num_classes)
    shares = RNG.multinomial(80, np.full(80, 1 / 80), size=6) / 80
    expected = [
        ORACLES[key](answers.truth, answers.probabilities, sample_weight=each) for each in shares
    ]
    np.testing.assert_allclose(class_metric(key, answers)(shares), expected, atol=1e-12)


@pytest.mark.parametrize("key", CLASS_METRICS)
def test_a_class_without_images_in_a_resample_is_left_out(key):
    answers = some_answers()
    without = np.where(answers.truth == 0, 0.0, 1.0)[None]
    assert np.isfinite(class_metric(key, answers)(without / without.sum())).all()


def test_a_resample_of_one_class_has_no_order():
    answers = some_answers()
    one = np.where(answers.truth == 0, 1.0, 0.0)[None]
    assert class_metric("auroc", answers)(one / one.sum()) == 0.5


@pytest.mark.parametrize("key", ["accuracy", "balanced_accuracy", "auroc"])
def test_a_guess_is_right_as_often_as_there_are_classes(key):
    truth = some_answers().truth
    guess = ClassAnswers(truth, np.full((80, 4), 0.25), guesses=True)
    expected = 0.5 if key == "auroc" else 0.25
    assert class_metric(key, guess)(np.full((1, 80), 1 / 80))[0] == pytest.approx(expected)


def test_recalls_are_those_of_each_class():
    answers = some_answers()
    said = answers.probabilities.argmax(1)
    expected = metrics.recall_score(answers.truth, said, average=None)
    (recalls,) = class_recalls(answers, np.full((1, 80), 1 / 80))
    np.testing.assert_allclose(recalls, expected)


def test_one_who_is_as_often_right_as_sure_has_no_calibration_error():
    correct = np.repeat([True, False], [30, 10])
    assert reliability(np.full(40, 0.75), correct).error == pytest.approx(0)
    assert reliability(np.full(40, 1.0), correct).error == pytest.approx(0.25)


def test_bins_hold_every_image():
    confidence = RNG.random(50)
    found = reliability(confidence, confidence > 0.5)
    assert found.num_images.sum() == 50
    known = found.num_images > 0
    assert np.isfinite(found.accuracy[known]).all()
    assert np.isnan(found.accuracy[~known]).all()
