import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from polyscale.errors import InputError
from polyscale.learning.heads import fit_logistic_probe, logistic
from polyscale.learning.heads.logistic import CONVERGED, LAMBDAS, choose_penalty
from polyscale.learning.heads.logistic_solver import Problem, standardise


def clusters(num, dim, num_classes, seed=0, spread=0.5):
    generator = np.random.default_rng(seed)
    centres = generator.normal(0, spread, (num_classes, dim))
    labels = np.arange(num) % num_classes
    rows = generator.normal(size=(num, dim)) + centres[labels]
    return rows.astype(np.float32) * 5 + 3, labels


@pytest.mark.parametrize("num_classes", [2, 5])
@pytest.mark.parametrize("dim", [10, 400])
def test_equals_scikit_learn_on_the_unrotated_features(num_classes, dim):
    rows, labels = clusters(150, dim, num_classes)
    train, test = rows[:100], rows[100:]
    result = fit_logistic_probe(train, labels[:100], test)
    mean, std = train.mean(0, dtype=np.float64), train.std(0, dtype=np.float64)
    rows64 = (train - mean) / std / np.sqrt(dim)
    model = LogisticRegression(C=1 / (result.regulariser * 100), tol=1e-10, max_iter=100_000)
    model.fit(rows64, labels[:100])
    expected = model.predict_proba((test - mean) / std / np.sqrt(dim))
    np.testing.assert_allclose(result.probabilities, expected, atol=1e-4)
    assert result.converged
    assert result.gradient_ratio <= CONVERGED


@pytest.mark.parametrize("num_classes", [2, 7])
@pytest.mark.parametrize("regulariser", [1e-1, 1e-4])
def test_single_precision_comes_to_the_same_solution(num_classes, regulariser, monkeypatch):
    rows, labels = clusters(1500, 60, num_classes)
    rows[:, :20] = rows[:, :20] @ np.random.default_rng(1).normal(size=(20, 20)) ** 3
    train, test = rows[:1200], rows[1200:]
    double = fit_logistic_probe(train, labels[:1200], test, regulariser=regulariser)
    monkeypatch.setattr(logistic, "LARGE", 0)
    single = fit_logistic_probe(train, labels[:1200], test, regulariser=regulariser)
    assert double.gradient_ratio <= 1e-8
    assert single.converged
    np.testing.assert_allclose(single.probabilities, double.probabilities, atol=1e-4)


def test_double_precision_goes_on_where_single_gives_up(monkeypatch):
    monkeypatch.setattr(logistic, "LARGE", 0)
    rows, labels = clusters(300, 20, 3)
    result = fit_logistic_probe(rows, labels, rows, regulariser=1e-3, tolerance=1e-10)
    assert result.gradient_ratio <= 1e-10


def test_out_of_fold_probabilities_are_those_the_cross_validation_judged():
    rows, labels = clusters(150, 30, 3)
    result = fit_logistic_probe(rows[:90], labels[:90], rows[90:])
    assert result.out_of_fold.shape == (90, 3)
    np.testing.assert_allclose(result.out_of_fold.sum(axis=1), 1, atol=1e-5)
    # 30 of each class in 5 folds: all of one size
    right = result.out_of_fold.argmax(axis=1) == labels[:90]
    assert right.mean() == pytest.approx(result.cv_accuracy)
    # that of rows the model has seen would be far better
    seen = fit_logistic_probe(
        rows[:90], labels[:90], rows[:90], regulariser=result.regulariser
    ).probabilities
    own = np.arange(90), labels[:90]
    assert np.log(seen[own]).mean() > np.log(result.out_of_fold[own]).mean()
    assert -np.log(result.out_of_fold[own]).mean() == pytest.approx(result.cv_log_loss, rel=1e-4)


def test_the_walk_finds_the_best_of_all(monkeypatch):
    """Against the cross-validated loss of every λ on the path."""
    for spread in (0.05, 0.6):
        rows, labels = clusters(120, 25, 4, spread=spread)
        chosen = fit_logistic_probe(rows, labels, rows)
        losses = []
        for penalty in LAMBDAS:
            monkeypatch.setattr("polyscale.learning.heads.logistic.FIRST", 0)
            monkeypatch.setattr("polyscale.learning.heads.logistic.LAMBDAS", (penalty,))
            losses.append(fit_logistic_probe(rows, labels, rows).cv_log_loss)
        monkeypatch.undo()
        assert chosen.regulariser == LAMBDAS[int(np.argmin(losses))]
        assert chosen.cv_log_loss == pytest.approx(min(losses), rel=1e-3)


def test_regulariser_is_chosen_on_the_training_images_alone():
    rows, labels = clusters(120, 30, 3)
    one = fit_logistic_probe(rows[:90], labels[:90], rows[90:])
    other = fit_logistic_probe(rows[:90], labels[:90], rows[90:] * -7)
    assert one.summary() == other.summary()
    assert one.regulariser in LAMBDAS


def test_noise_is_regularised_and_not_learnt():
    generator = np.random.default_rng(0)
    rows, labels = generator.normal(size=(200, 50)), np.arange(200) % 4
    result = fit_logistic_probe(rows[:120], labels[:120], rows[120:])
    # no better than guessing among four, and not much surer than that
    assert result.cv_log_loss < np.log(4) + 0.02
    assert result.probabilities.max() < 0.5


def test_constant_columns_and_large_offsets_are_harmless():
    rows, labels = clusters(90, 8, 3)
    plain = fit_logistic_probe(rows[:60], labels[:60], rows[60:])
    padded = np.concatenate([rows, np.full((90, 3), 1e6, np.float32)], axis=1)
    result = fit_logistic_probe(padded[:60], labels[:60], padded[60:])
    np.testing.assert_allclose(result.probabilities, plain.probabilities, atol=1e-6)


def test_features_that_say_nothing():
    labels = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1])
    result = fit_logistic_probe(np.ones((9, 4)), labels, np.ones((2, 4)))
    np.testing.assert_allclose(result.probabilities, [[2 / 3, 1 / 3]] * 2, atol=1e-4)


def test_folds_follow_the_rarest_class():
    rows, labels = clusters(40, 5, 2)
    labels[:] = 0
    labels[:3] = 1
    assert fit_logistic_probe(rows, labels, rows).num_folds == 3


def test_the_choice_is_by_log_loss_or_by_the_loss_that_is_given():
    rows, labels = clusters(90, 4, 3)
    problem, folds = Problem.of(standardise(rows), labels), np.arange(90) // 3 % 2
    usual = choose_penalty(problem, folds)
    timid = choose_penalty(problem, folds, loss=lambda probabilities: float(probabilities.max()))
    assert usual.loss == usual.log_loss
    assert timid.loss == timid.out_of_fold.max()
    assert timid.penalty == max(LAMBDAS) > usual.penalty


def bad(what):
    rows, labels = clusters(30, 4, 3)
    test = rows[:5]
    if what == "nan":
        rows[7, 1] = np.nan
    elif what == "rows":
        labels = labels[:-1]
    elif what == "one class":
        labels = 0 * labels
    elif what == "rare":
        labels[labels == 2] = 0
        labels[0] = 2
    elif what == "missing":
        labels[labels == 1] = 0
    elif what == "negative":
        labels = labels - 1
    elif what == "no columns":
        rows, test = rows[:, :0], test[:, :0]
    elif what == "no test":
        test = test[:0]
    elif what == "columns":
        test = test[:, :3]
    elif what == "integers":
        rows = rows.astype(np.int32)
    return rows, labels, test


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("nan", "train must be finite, but got NaN or infinity in row 7"),
        ("rows", r"labels must be one per row of 30, but got shape \(29,\)"),
        ("one class", "labels must hold at least two classes, but got one"),
        ("rare", "labels must hold each class at least 2 times, but got class 2 1 times"),
        ("missing", "labels must hold each class at least 2 times, but got class 1 0 times"),
        ("negative", "labels must be whole numbers from 0, but got int64 from -1"),
        ("no columns", r"train must have at least one row and one column, .* \(30, 0\)"),
        ("no test", r"test must have at least one row and one column, .* \(0, 4\)"),
        ("columns", "test must have the 4 columns of train, but got 3"),
        ("integers", "train must hold floating point numbers, but got int32"),
    ],
)
def test_bad_input(what, message):
    with pytest.raises(InputError, match=message):
        fit_logistic_probe(*bad(what))


@pytest.mark.parametrize("regulariser", [0.0, -1.0, np.nan])
def test_regulariser_must_be_positive(regulariser):
    rows, labels = clusters(30, 4, 3)
    with pytest.raises(InputError, match="regulariser must be above 0"):
        fit_logistic_probe(rows, labels, rows, regulariser=regulariser)
