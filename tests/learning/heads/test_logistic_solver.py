import numpy as np
import pytest
from scipy.optimize import minimize

from polyscale.learning.heads.logistic_solver import Problem, Rows, predict


def made(num_classes, num=2500, dim=3):
    """More rows than one block holds."""
    generator = np.random.default_rng(0)
    labels = np.arange(num) % num_classes
    features = generator.normal(size=(num, dim)) + labels[:, None] / 3
    rows = Rows(features, features.mean(axis=0), generator.uniform(0.3, 1, dim))
    return Problem.of(rows, labels)


def plain_objective(problem, penalty):
    """The one that the module states, all rows at once."""
    rows, labels = problem.rows, problem.labels
    dense = (rows.features - rows.mean) * rows.scale

    def objective(flat):
        table = flat.reshape(problem.prior.shape)
        logits = dense @ table[:, :-1].T + table[:, -1]
        if len(table) == 1:
            logits = np.concatenate([0 * logits, logits], axis=1)
        log_sum = np.log(np.exp(logits).sum(axis=1))
        loss = (log_sum - logits[np.arange(len(labels)), labels]).mean()
        return loss + penalty / 2 * (table[:, :-1] ** 2).sum()

    return objective


def slopes(objective, flat):
    steps = np.eye(flat.size) * 1e-6
    return np.array([(objective(flat + s) - objective(flat - s)) / 2e-6 for s in steps])


@pytest.mark.parametrize("num_classes", [2, 4])
def test_value_gradient_and_certificate(num_classes):
    """Against numerical differences of the plain objective."""
    problem = made(num_classes)
    objective, shape = plain_objective(problem, 0.1), problem.prior.shape
    point = np.random.default_rng(1).normal(size=problem.prior.size)
    model = point.reshape(shape)
    value, gradient = problem.value_and_gradient(model, 0.1)
    assert value == pytest.approx(objective(point), rel=1e-12)
    expected = slopes(objective, point)
    np.testing.assert_allclose(gradient.ravel(), expected, atol=1e-8)
    ratio = np.linalg.norm(expected) / np.linalg.norm(slopes(objective, 0 * point))
    single = problem.with_products_in(np.float32)
    for same in (problem, single):
        assert same.gradient_ratio(model, 0.1) == pytest.approx(ratio, rel=1e-5)
    best = minimize(objective, 0 * point, tol=1e-12).x
    assert problem.gradient_ratio(best.reshape(shape), 0.1) < 1e-4


@pytest.mark.parametrize("num_classes", [2, 4])
def test_preconditioner_is_the_hessian_at_zero(num_classes):
    """But for the coupling of classes; two balanced classes have none."""
    problem = made(num_classes)
    factor = problem.preconditioner(0.1)
    rows = problem.rows
    dense = (rows.features - rows.mean) * rows.scale
    curvature = (1 - 1 / num_classes) / num_classes
    expected = np.eye(4) * curvature
    expected[:3, :3] = curvature * dense.T @ dense / len(dense) + 0.1 * np.eye(3)
    np.testing.assert_allclose(factor @ factor.T, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("num_classes", [2, 4])
def test_subset_is_those_rows(num_classes):
    problem = made(num_classes)
    rows, labels = problem.rows, problem.labels
    model = np.random.default_rng(1).normal(size=problem.prior.shape)
    chosen = np.arange(0, len(labels), 2)
    np.testing.assert_allclose(
        predict(rows.subset(chosen), model), predict(rows, model)[chosen], atol=1e-12
    )
    copied = Problem.of(Rows(rows.features[chosen], rows.mean, rows.scale), labels[chosen])
    one = problem.subset(chosen).value_and_gradient(model, 0.1)
    other = copied.value_and_gradient(model, 0.1)
    assert one[0] == other[0]
    np.testing.assert_array_equal(one[1], other[1])
