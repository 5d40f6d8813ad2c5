"""Mean cross-entropy plus λ/2 · ‖W‖², its gradient, and the certificate of convergence.

The intercept is free. Two classes share one vector of weights. Everything goes block by block;
products are in the block's precision and sums over blocks in float64.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.special import softmax

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
        logits = (block @ scaled.T).astype(np.float64) + model.intercept
        probabilities[where] = softmax(_all_classes(logits), axis=1)
    return probabilities


def gradient_ratio(rows: Rows, labels: Labels, model: Linear, penalty: float) -> float:
    """Norm of the objective's gradient at a solution, over its norm at zero, in float64.

    Written apart from what the solver sees, so that a mistake there shows here.
    """
    num_classes, dim = max(2, len(model.weights)), model.weights.shape[1]
    scaled = model.weights * rows.scale
    # gradients by the logits of all classes, for the two kinds of model; ones stand for the
    # intercept
    here, at_zero = np.zeros((num_classes, dim + 1)), np.zeros((num_classes, dim + 1))
    for where, block in rows.blocks(np.float64):
        extended = np.concatenate([block * rows.scale, np.ones((len(block), 1))], axis=1)
        here += softmax(_all_classes(block @ scaled.T + model.intercept), axis=1).T @ extended
        at_zero += extended.sum(axis=0) / num_classes
        own = _class_sums(extended, labels[where], num_classes)
        here -= own
        at_zero -= own
    outputs = slice(-len(model.weights), None)
    here[outputs, :-1] += penalty * len(rows) * model.weights
    norm, norm_at_zero = (float(np.linalg.norm(g[outputs])) for g in (here, at_zero))
    return norm / max(norm_at_zero, float(np.finfo(float).tiny)) if norm else 0.0


def _class_sums(block: Array, labels: Labels, num_classes: int) -> Array:
    order = np.argsort(labels, kind="stable")
    present, starts = np.unique(labels[order], return_index=True)
    sums = np.zeros((num_classes, block.shape[1]))
    sums[present] = np.add.reduceat(block[order], starts, axis=0)
    return sums


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
