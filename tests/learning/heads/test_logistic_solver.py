import numpy as np
import pytest
from scipy.optimize import minimize, rosen, rosen_der

from polyscale.learning.heads.logistic_solver import (
    Linear,
    Point,
    Rows,
    gradient_ratio,
    loss_and_gradient,
    minimise,
    predict,
)


def problem(num_classes, num=2500, dim=3):
    """More rows than one block holds."""
    generator = np.random.default_rng(0)
    labels = np.arange(num) % num_classes
    features = generator.normal(size=(num, dim)) + labels[:, None] / 3
    rows = Rows(features, features.mean(axis=0), generator.uniform(0.3, 1, dim))
    return rows, labels, 1 if num_classes == 2 else num_classes


def plain_objective(rows, labels, penalty, num_outputs):
    """The one that the module states, all rows at once."""
    dense = (rows.features - rows.mean) * rows.scale

    def objective(flat):
        table = flat.reshape(num_outputs, -1)
        logits = dense @ table[:, :-1].T + table[:, -1]
        if num_outputs == 1:
            logits = np.concatenate([0 * logits, logits], axis=1)
        log_sum = np.log(np.exp(logits).sum(axis=1))
        loss = (log_sum - logits[np.arange(len(labels)), labels]).mean()
        return loss + penalty / 2 * (table[:, :-1] ** 2).sum()

    return objective


def split(flat, num_outputs):
    table = flat.reshape(num_outputs, -1)
    return Linear(table[:, :-1], table[:, -1])


def slopes(objective, flat):
    steps = np.eye(flat.size) * 1e-6
    return np.array([(objective(flat + s) - objective(flat - s)) / 2e-6 for s in steps])


@pytest.mark.parametrize("num_classes", [2, 4])
def test_value_gradient_and_certificate(num_classes):
    """Against numerical differences of the plain objective."""
    rows, labels, num_outputs = problem(num_classes)
    objective = plain_objective(rows, labels, 0.1, num_outputs)
    point = np.random.default_rng(1).normal(size=num_outputs * 4)
    model = split(point, num_outputs)
    value, gradient = loss_and_gradient(rows, labels, model, 0.1, np.float64)
    assert value == pytest.approx(objective(point), rel=1e-12)
    expected = slopes(objective, point)
    got = np.concatenate([gradient.weights, gradient.intercept[:, None]], axis=1).ravel()
    np.testing.assert_allclose(got, expected, atol=1e-8)
    ratio = np.linalg.norm(expected) / np.linalg.norm(slopes(objective, 0 * point))
    assert gradient_ratio(rows, labels, model, 0.1) == pytest.approx(ratio, rel=1e-5)
    best = minimize(objective, 0 * point, tol=1e-12).x
    assert gradient_ratio(rows, labels, split(best, num_outputs), 0.1) < 1e-4


@pytest.mark.parametrize("num_classes", [2, 4])
def test_subset_is_those_rows(num_classes):
    rows, labels, num_outputs = problem(num_classes)
    model = split(np.random.default_rng(1).normal(size=num_outputs * 4), num_outputs)
    chosen = np.arange(0, len(labels), 2)
    np.testing.assert_allclose(
        predict(rows.subset(chosen), model), predict(rows, model)[chosen], atol=1e-12
    )
    copied = Rows(rows.features[chosen], rows.mean, rows.scale)
    one = loss_and_gradient(rows.subset(chosen), labels[chosen], model, 0.1, np.float64)
    other = loss_and_gradient(copied, labels[chosen], model, 0.1, np.float64)
    assert one[0] == other[0]
    np.testing.assert_array_equal(one[1].weights, other[1].weights)


def quadratic(condition, noise=0.0):
    generator = np.random.default_rng(0)
    scales = np.geomspace(1, condition, 40)

    def function(at):
        gradient = scales * (at - 1)
        value = (scales * (at - 1) ** 2).sum() / 2 + 3 + noise * generator.normal()
        return Point(at, value, gradient, float(np.linalg.norm(gradient)))

    return function


def test_finds_the_minimum():
    function = quadratic(1e3)
    point, steps = minimise(function, np.zeros(40), tolerance=1e-5)
    np.testing.assert_allclose(point.at, 1, atol=1e-5)
    # and in no more steps than SciPy's, but for chance
    scipy = minimize(
        lambda at: (function(at).value, function(at).gradient),
        np.zeros(40),
        jac=True,
        method="L-BFGS-B",
        options={"gtol": 1e-5, "ftol": 0, "maxiter": 10_000, "maxfun": 10_000},
    )
    assert steps < 1.3 * scipy.nit


def test_noise_in_the_value_does_not_stop_it():
    """Values right to seven digits, the gradient to sixteen: what float32 blocks give."""
    point, _ = minimise(quadratic(1e3, noise=3e-7), np.zeros(40), tolerance=1e-9)
    np.testing.assert_allclose(point.at, 1, atol=1e-9)


def test_a_start_far_off_and_a_bent_valley():
    def function(at):
        gradient = rosen_der(at)
        return Point(at, float(rosen(at)), gradient, float(np.linalg.norm(gradient)))

    point, _ = minimise(function, np.array([-1.2, 1.0]), tolerance=1e-8)
    np.testing.assert_allclose(point.at, 1, atol=1e-6)


def test_stops_at_once_where_there_is_nothing_to_do():
    point, steps = minimise(quadratic(10), np.ones(40), tolerance=1e-9)
    assert steps == 0
    assert point.size == 0
