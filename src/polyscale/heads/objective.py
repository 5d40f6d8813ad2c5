"""Mean cross-entropy plus λ/2 · ‖W‖², its gradient, and the certificate of convergence.

The intercept is free. Two classes share one vector of weights. Everything goes block by block;
products are in the block's precision and sums over blocks in float64.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

from polyscale.heads.checks import Features, Labels
from polyscale.heads.rows import Rows

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Linear:
    """Weights (classes, dim) and intercept (classes,); one row of each for two classes."""

    weights: Array
    intercept: Array


def num_outputs(num_classes: int) -> int:
    """Vectors of weights: one a class, but one for two classes."""
    return num_classes if num_classes > 2 else 1


def loss_and_gradient(
    rows: Rows, labels: Labels, model: Linear, penalty: float, dtype: DTypeLike
) -> tuple[float, Linear]:
    """The objective at a model.

    Args:
        rows: of the features.
        labels: classes (num,).
        model: where.
        penalty: λ.
        dtype: of the products.
    """
    scaled = (model.weights * rows.scale).astype(dtype)
    intercept = model.intercept.astype(dtype)
    of_weights, of_intercept = np.zeros(model.weights.shape), np.zeros(len(intercept))
    loss = 0.0
    for where, block in rows.blocks(dtype):
        loss_here, residual = _cross_entropy(block @ scaled.T + intercept, labels[where])
        loss += loss_here
        of_weights += residual.T @ block
        of_intercept += residual.sum(axis=0, dtype=np.float64)
    of_weights *= rows.scale / len(rows)
    of_weights += penalty * model.weights
    value = loss / len(rows) + penalty / 2 * float((model.weights**2).sum())
    return value, Linear(of_weights, of_intercept / len(rows))


def predict(rows: Rows, model: Linear, dtype: DTypeLike = np.float64) -> Array:
    """Probabilities (num, num_classes)."""
    scaled = (model.weights * rows.scale).astype(dtype)
    num_classes = max(2, len(scaled))
    probabilities = np.empty((len(rows), num_classes))
    for where, block in rows.blocks(dtype):
        logits = _all_classes((block @ scaled.T).astype(np.float64) + model.intercept)
        logits -= logits.max(axis=1, keepdims=True)
        odds = np.exp(logits)
        np.divide(odds, odds.sum(axis=1, keepdims=True), out=probabilities[where])
    return probabilities


def gradient_ratio(rows: Rows, labels: Labels, model: Linear, penalty: float) -> float:
    """Norm of the objective's gradient at a solution, over its norm at zero, in float64.

    Written apart from what the solver sees, so that a mistake there shows here.
    """
    zero = Linear(0 * model.weights, 0 * model.intercept)
    here = _gradient_norm(rows, labels, model, penalty)
    at_zero = _gradient_norm(rows, labels, zero, penalty)
    return here / max(at_zero, float(np.finfo(float).tiny)) if here else 0.0


def _gradient_norm(rows: Rows, labels: Labels, model: Linear, penalty: float) -> float:
    of_weights, of_intercept = penalty * model.weights, np.zeros(len(model.intercept))
    probabilities = predict(rows, model)
    probabilities[np.arange(len(labels)), labels] -= 1
    residual = probabilities[:, -len(model.weights) :] / len(rows)
    for where, block in rows.blocks(np.float64):
        of_weights = of_weights + residual[where].T @ (block * rows.scale)
    of_intercept = residual.sum(axis=0)
    return float(np.sqrt((of_weights**2).sum() + (of_intercept**2).sum()))


def _all_classes(logits: Features) -> Features:
    """With the zero that the first of two classes has."""
    if logits.shape[1] > 1:
        return logits
    return np.concatenate([np.zeros_like(logits), logits], axis=1)


def _cross_entropy(logits: Features, labels: Labels) -> tuple[float, Features]:
    """Its sum, and its derivative by the logits, made in place where it can be."""
    num_outputs, own = logits.shape[1], (np.arange(len(labels)), labels)
    logits = _all_classes(logits)
    logits -= logits.max(axis=1, keepdims=True)
    of_own = logits[own].sum(dtype=np.float64)
    np.exp(logits, out=logits)
    total = logits.sum(axis=1, keepdims=True)
    logits /= total
    logits[own] -= 1
    return float(np.log(total).sum(dtype=np.float64) - of_own), logits[:, -num_outputs:]
