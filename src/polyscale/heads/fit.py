"""One logistic regression at one λ."""

import numpy as np
from numpy.typing import DTypeLike, NDArray

from polyscale.heads.checks import Labels
from polyscale.heads.metric import Metric
from polyscale.heads.objective import Linear, loss_and_gradient, num_outputs
from polyscale.heads.rows import Rows
from polyscale.heads.solver import Point, minimise

Array = NDArray[np.float64]


def frequencies(labels: Labels, dim: int) -> Linear:
    """The model that knows how frequent each class is, and nothing else."""
    counts = np.bincount(labels)
    logs = np.log(counts)
    intercept = logs - logs.mean() if len(counts) > 2 else logs[1:] - logs[:1]
    return Linear(np.zeros((num_outputs(len(counts)), dim)), intercept)


def fit(
    rows: Rows,
    labels: Labels,
    penalty: float,
    metric: Metric,
    start: Linear,
    *,
    at_zero: float,
    tolerance: float,
    dtype: DTypeLike,
) -> tuple[Linear, int]:
    """Minimise the objective.

    Args:
        rows: of the features.
        labels: classes (num,).
        penalty: λ.
        metric: in whose variables to go.
        start: where from.
        at_zero: norm of the gradient there.
        tolerance: norm of the gradient, over that at zero, at which to stop.
        dtype: of the products.

    Returns:
        The model, and how many steps led there.
    """

    def function(variables: Array) -> Point:
        value, by_model = loss_and_gradient(rows, labels, metric.model(variables), penalty, dtype)
        size = _norm(by_model) / max(at_zero, float(np.finfo(float).tiny))
        return Point(variables, value, metric.gradient(by_model), size)

    point, num_iterations = minimise(function, metric.variables(start), tolerance=tolerance)
    return metric.model(point.at), num_iterations


def gradient_at_zero(rows: Rows, labels: Labels, dim: int, dtype: DTypeLike) -> float:
    """Its norm, the same for every λ."""
    start = frequencies(labels, dim)
    zero = Linear(start.weights, 0 * start.intercept)
    return _norm(loss_and_gradient(rows, labels, zero, 0.0, dtype)[1])


def _norm(model: Linear) -> float:
    return float(np.sqrt((model.weights**2).sum() + (model.intercept**2).sum()))
