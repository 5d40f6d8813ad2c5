"""The objective of logistic regression on standardised rows, and the solver that minimises it.

The objective is the mean cross-entropy plus λ/2 · ‖W‖², the intercept free; two classes share one
vector of weights. Everything goes block by block, so that no copy is made of the features: products
are in the block's precision, sums over blocks in float64.

The solver is L-BFGS for a convex function whose values are known to single precision only. SciPy's
line search compares values of the function. Near the solution these differ by less than float32 can
tell, and the search gives up a digit or two early. The derivative along the search direction keeps
its sign far longer, so this search looks for its zero, and asks of the value only that it does not
rise beyond its own noise (the "approximate Wolfe" conditions of Hager and Zhang, SIAM Journal on
Optimization 16, 2005).
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.special import softmax

from polyscale.learning.heads.probe_data import BLOCK, Features, Labels

Array = NDArray[np.float64]

ROTATE_UP_TO = 2048
"""Rows up to which an eigendecomposition of their Gram matrix costs less than it saves."""

MEMORY = 10
"""Pairs of steps and changes of the gradient that L-BFGS keeps."""

NOISE = 1e-6
"""By how much a value may rise, relative to itself."""

MAX_TRIALS = 12
"""Step lengths that are tried along one direction."""


@dataclass(frozen=True)
class Rows:
    """(features - mean) · scale, never held as a whole.

    Attributes:
        features: as they were extracted (num, dim).
        mean: of the training rows, in the features' own precision: what is lost by rounding it,
            the free intercept makes up for (dim,).
        scale: so that the training rows have a mean squared norm of 1; 0 for a constant column
            (dim,).
        chosen: which rows of the features these are; None is all.
    """

    features: Features
    mean: Features
    scale: Array
    chosen: NDArray[np.int64] | None = None

    @classmethod
    def plain(cls, features: Features) -> "Rows":
        """The features as they are."""
        dim = features.shape[1]
        return cls(features, np.zeros(dim, features.dtype), np.ones(dim))

    def __len__(self) -> int:
        return len(self.features if self.chosen is None else self.chosen)

    def subset(self, chosen: NDArray[np.int64]) -> "Rows":
        """A part of the rows."""
        return replace(self, chosen=chosen if self.chosen is None else self.chosen[chosen])

    def blocks(self, dtype: DTypeLike) -> Iterator[tuple[slice, Features]]:
        """Which rows, and features - mean; the scale is left to the weights.

        The block lies in a buffer that the next block overwrites.
        """
        buffer = np.empty((min(BLOCK, len(self)), len(self.mean)), dtype)
        for start in range(0, len(self), BLOCK):
            where = slice(start, min(start + BLOCK, len(self)))
            raw = self.features[where if self.chosen is None else self.chosen[where]]
            block = buffer[: len(raw)]
            np.subtract(raw, self.mean, out=block, casting="same_kind")
            yield where, block

    def gram(self, dtype: DTypeLike) -> Features:
        """Mean outer product of the standardised rows (dim, dim), as precise as the dtype."""
        total = np.zeros((len(self.mean),) * 2, dtype)
        for _, block in self.blocks(dtype):
            total += block.T @ block
        scale = self.scale.astype(dtype)
        total *= scale[:, None]
        total *= scale / len(self)
        return total


def standardise(train: Features, test: Features) -> tuple[Rows, Rows]:
    """Each column to mean 0 and equal variance over the training rows; constant columns to 0."""
    precise = np.float64 if train.dtype == np.float64 else np.float32
    mean = train.mean(axis=0, dtype=np.float64).astype(precise)
    rows = Rows(train, mean, np.ones(len(mean)))
    first, second = np.zeros(len(mean)), np.zeros(len(mean))
    for _, block in rows.blocks(np.float64):
        first += block.sum(axis=0)
        second += np.einsum("ij,ij->j", block, block)
    deviation = np.sqrt(np.maximum(second / len(train) - (first / len(train)) ** 2, 0))
    varies = deviation > 1e-9 * (1 + np.abs(mean))
    scale = np.where(varies, 1 / np.where(varies, deviation, 1), 0) / np.sqrt(max(varies.sum(), 1))
    return replace(rows, scale=scale), Rows(test, mean, scale)


def rotate_if_few(train: Rows, test: Rows) -> tuple[Rows, Rows]:
    """Where there are fewer rows than columns, rotate onto the principal axes of the training rows.

    The solution lies in the span of those rows, so this changes nothing but the number of
    columns, which becomes at most the number of rows.
    """
    if len(train) >= len(train.mean) or len(train) > ROTATE_UP_TO:
        return train, test
    dense = _dense(train)
    squares, left = np.linalg.eigh(dense @ dense.T)
    keep = squares > 1e-13 * squares.max(initial=0.0)
    if not keep.any():  # all columns are constant
        return train, test
    singular = np.sqrt(squares[keep])
    axes = dense.T @ (left[:, keep] / singular)
    rotated = np.empty((len(test), len(singular)))
    for where, block in test.blocks(np.float64):
        rotated[where] = (block * test.scale) @ axes
    return Rows.plain(left[:, keep] * singular), Rows.plain(rotated)


def _dense(rows: Rows) -> Array:
    """All at once (num, dim), for few rows."""
    dense = np.empty((len(rows), len(rows.mean)))
    for where, block in rows.blocks(np.float64):
        np.multiply(block, rows.scale, out=dense[where])
    return dense


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
    """Value and gradient of the objective at a model.

    Args:
        rows: standardised features.
        labels: classes (num,).
        model: where the objective is evaluated.
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

    Written apart from what the solver sees, so that a mistake there would show here.
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
        sums = _class_sums(extended, labels[where], num_classes)
        here -= sums
        at_zero -= sums
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
    num_outputs, truth = logits.shape[1], (np.arange(len(labels)), labels)
    logits = _all_classes(logits)
    logits -= logits.max(axis=1, keepdims=True)
    of_truth = logits[truth].sum(dtype=np.float64)
    np.exp(logits, out=logits)
    total = logits.sum(axis=1, keepdims=True)
    logits /= total
    logits[truth] -= 1
    return float(np.log(total).sum(dtype=np.float64) - of_truth), logits[:, -num_outputs:]


@dataclass(frozen=True)
class Point:
    """A point at which the function was evaluated.

    Attributes:
        at: the variables (num,).
        value: of the function.
        gradient: (num,).
        size: what has to become small: here the relative norm of the gradient.
    """

    at: Array
    value: float
    gradient: Array
    size: float


Function = Callable[[Array], Point]


def minimise(
    function: Function, start: Array, *, tolerance: float, max_iterations: int = 1000
) -> tuple[Point, int]:
    """Follow L-BFGS steps until `size` is at most the tolerance, or no step helps.

    Args:
        function: convex, and such that a step of the negative gradient is about right.
        start: (num,).
        tolerance: for `size`.
        max_iterations: after which to stop anyway.

    Returns:
        The last point, and how many steps led there.
    """
    here = function(start)
    pairs: deque[tuple[Array, Array]] = deque(maxlen=MEMORY)
    for iteration in range(max_iterations):
        if here.size <= tolerance:
            return here, iteration
        there = _search(function, here, _direction(here.gradient, pairs))
        if there is None:
            return here, iteration
        pairs.append((there.at - here.at, there.gradient - here.gradient))
        here = there
    return here, max_iterations


def _direction(gradient: Array, pairs: deque[tuple[Array, Array]]) -> Array:
    """Two loops over the pairs: Nocedal and Wright, algorithm 7.4."""
    direction = -gradient
    shares = []
    for step, change in reversed(pairs):
        share = (step @ direction) / (step @ change)
        direction -= share * change
        shares.append(share)
    if pairs:
        step, change = pairs[-1]
        direction *= (step @ change) / (change @ change)
    for (step, change), share in zip(pairs, reversed(shares), strict=True):
        direction += (share - (change @ direction) / (step @ change)) * step
    return direction


def _search(function: Function, here: Point, direction: Array) -> Point | None:
    """A point along the direction where the slope has come near zero, from either side."""
    slope = float(here.gradient @ direction)
    low, low_slope, high, high_slope, length = 0.0, slope, np.inf, 0.0, 1.0
    for _ in range(MAX_TRIALS):
        there = function(here.at + length * direction)
        new_slope = float(there.gradient @ direction)
        risen = there.value > here.value + NOISE * abs(here.value)
        if not risen and abs(new_slope) <= 0.9 * abs(slope):
            return there
        if new_slope > 0 or risen or not np.isfinite(there.value):
            high, high_slope = length, new_slope
        else:
            low, low_slope = length, new_slope
        if not np.isfinite(high):
            length *= 4
            continue
        # where a straight line through both slopes is zero, away from the ends
        share = low_slope / (low_slope - high_slope) if high_slope > 0 else 0.5
        length = low + float(np.clip(share, 0.1, 0.9)) * (high - low)
    return None
