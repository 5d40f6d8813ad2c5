import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from polyscale.heads import fit_logistic_probe
from polyscale.heads.logistic import CONVERGED, LAMBDAS, gradient_ratio


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


@pytest.mark.parametrize("num_classes", [2, 4])
def test_gradient_ratio_is_that_of_the_objective(num_classes):
    """Against numerical differences of the objective that the module states."""
    rows, labels = clusters(40, 3, num_classes)
    rows = rows.astype(np.float64) / 10
    num_rows = 1 if num_classes == 2 else num_classes
    point = np.random.default_rng(1).normal(size=(num_rows, 4))

    def objective(flat):
        weights, intercept = flat.reshape(num_rows, 4)[:, :3], flat.reshape(num_rows, 4)[:, 3]
        logits = rows @ weights.T + intercept
        if num_rows == 1:
            logits = np.concatenate([np.zeros((40, 1)), logits], axis=1)
        log_sum = np.log(np.exp(logits).sum(axis=1))
        loss = (log_sum - logits[np.arange(40), labels]).mean()
        return loss + 0.1 / 2 * (weights**2).sum()

    def norm(flat):
        steps = np.eye(flat.size) * 1e-6
        return np.linalg.norm([(objective(flat + s) - objective(flat - s)) / 2e-6 for s in steps])

    expected = norm(point.ravel()) / norm(0 * point.ravel())
    ratio = gradient_ratio(rows, labels, point[:, :3], point[:, 3], 0.1)
    assert ratio == pytest.approx(expected, rel=1e-5)
    best = minimize(objective, 0 * point.ravel(), tol=1e-12).x.reshape(num_rows, 4)
    assert gradient_ratio(rows, labels, best[:, :3], best[:, 3], 0.1) < 1e-4


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
