"""Logistic regression on standardised rows, at one regulariser.

The objective is the mean cross-entropy plus λ/2 · ‖W‖², with an unpenalised intercept; two classes
share one vector of weights. Rows are read block by block, so that the features are never copied:
products have the precision of the rows, sums over blocks are in float64.

A model is a table of one row per class (one row in all for two classes): its weights, and in the
last column its intercept.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.sparse import csr_array
from scipy.special import log_softmax, softmax

from polyscale.learning.heads.lbfgs import Array, Point, minimise
from polyscale.learning.heads.linear_head import BLOCK, LinearHead
from polyscale.learning.heads.probe_data import Features, Labels, Shares

Precision: TypeAlias = type[np.floating]
"""`numpy.float32` or `numpy.float64`."""

ROTATE_UP_TO = 2048
"""Number of rows up to which an eigendecomposition of their Gram matrix saves time."""


@dataclass(frozen=True)
class Rows:
    """(features - mean) · scale, never held as a whole.

    Attributes:
        features: as extracted (num, dim).
        mean: of the training rows, in the features' own precision; the intercept makes up for
            what rounding it loses (dim,).
        scale: such that the training rows have a mean squared norm of 1; 0 for a constant column
            (dim,).
        dtype: precision of the products.
        chosen: indices of the rows to use; None means all.
    """

    features: Features
    mean: Features
    scale: Array
    dtype: Precision = np.float64
    chosen: NDArray[np.int64] | None = None

    @classmethod
    def plain(cls, features: Features, dtype: Precision = np.float64) -> "Rows":
        """The features as they are."""
        dim = features.shape[1]
        return cls(features, np.zeros(dim, features.dtype), np.ones(dim), dtype)

    def __len__(self) -> int:
        return len(self.features if self.chosen is None else self.chosen)

    def subset(self, chosen: NDArray[np.int64]) -> "Rows":
        """Some of these rows; rows that follow each other are read without being gathered."""
        if self.chosen is None and len(chosen) and (np.diff(chosen) == 1).all():
            return replace(self, features=self.features[chosen[0] : chosen[-1] + 1])
        return replace(self, chosen=chosen if self.chosen is None else self.chosen[chosen])

    def blocks(self) -> Iterator[tuple[slice, Features]]:
        """A range of rows, and their features - mean; the scale is left to the weights.

        The block lies in a buffer that the next block overwrites.
        """
        buffer = np.empty((min(BLOCK, len(self)), len(self.mean)), self.dtype)
        for start in range(0, len(self), BLOCK):
            where = slice(start, min(start + BLOCK, len(self)))
            raw = self.features[where if self.chosen is None else self.chosen[where]]
            block = buffer[: len(raw)]
            np.subtract(raw, self.mean, out=block, casting="same_kind")
            yield where, block

    def products(self, weights: Array) -> Iterator[tuple[slice, Features]]:
        """A range of rows, and their standardised features times weights (dim, outputs)."""
        scaled = (self.scale[:, None] * weights).astype(self.dtype)
        for where, block in self.blocks():
            yield where, block @ scaled

    def gram(self) -> Features:
        """Mean outer product of the standardised rows (dim, dim)."""
        total = np.zeros((len(self.mean),) * 2, self.dtype)
        for _, block in self.blocks():
            total += block.T @ block
        scale = self.scale.astype(self.dtype)
        total *= scale[:, None]
        total *= scale / len(self)
        return total


def standardise(train: Features, dtype: Precision = np.float64) -> Rows:
    """Bring each column to mean 0 and equal variance; constant columns become 0."""
    mean = train.mean(axis=0, dtype=np.float64)
    rows = Rows(train, mean.astype(np.promote_types(train.dtype, np.float32)), np.ones(len(mean)))
    first, second = np.zeros(len(mean)), np.zeros(len(mean))
    for _, block in rows.blocks():
        first += block.sum(axis=0)
        second += np.einsum("ij,ij->j", block, block)
    deviation = np.sqrt(np.maximum(second / len(train) - (first / len(train)) ** 2, 0))
    varies = deviation > 1e-9 * (1 + np.abs(mean))
    scale = np.where(varies, 1 / np.where(varies, deviation, 1), 0) / np.sqrt(max(varies.sum(), 1))
    return replace(rows, scale=scale, dtype=dtype)


def rotate_if_few(train: Rows) -> tuple[Rows, Array | None]:
    """Where there are fewer rows than columns, rotate onto the principal axes of the rows.

    The solution lies in the span of the rows, so this only changes the number of columns, which
    becomes at most the number of rows.

    Returns:
        The rows, and the axes (dim, columns); None where nothing was rotated.
    """
    if len(train) >= len(train.mean) or len(train) > ROTATE_UP_TO:
        return train, None
    dense = (train.features - train.mean) * train.scale
    squares, left = np.linalg.eigh(dense @ dense.T)
    keep = squares > 1e-13 * squares.max(initial=0.0)
    if not keep.any():  # all columns are constant
        return train, None
    singular = np.sqrt(squares[keep])
    axes = dense.T @ (left[:, keep] / singular)
    return Rows.plain(left[:, keep] * singular, train.dtype), axes


def linear_head(rows: Rows, model: Array, axes: Array | None) -> LinearHead:
    """A model of standardised and perhaps rotated rows as a map of features to logits of classes.

    Args:
        rows: the standardised rows, before they are rotated.
        model: of the rotated rows.
        axes: of the rotation, if there is one.
    """
    weights = model[:, :-1] if axes is None else model[:, :-1] @ axes.T
    weights = weights * rows.scale
    intercept = model[:, -1] - weights @ rows.mean.astype(np.float64)
    logits = _all_classes(np.concatenate([weights, intercept[:, None]], axis=1).T).T
    return LinearHead.of(logits[:, :-1], logits[:, -1])


@dataclass(frozen=True)
class Problem:
    """Logistic regression of labels on rows, before λ is known.

    Attributes:
        rows: standardised features.
        labels: 0 … classes - 1, every class present (num,); or the shares of each row, which stand
            for as many labels with the same features.
        gram: mean outer product of these rows, or of more rows like them, since it only shapes the
            steps (dim, dim).
    """

    rows: Rows
    labels: Labels | Shares
    gram: Features

    @classmethod
    def of(cls, rows: Rows, labels: Labels | Shares) -> "Problem":
        """The problem of these rows."""
        return cls(rows, labels, rows.gram())

    def subset(self, chosen: NDArray[np.int64]) -> "Problem":
        """The problem of some of the rows."""
        return replace(self, rows=self.rows.subset(chosen), labels=self.labels[chosen])

    def with_products_in(self, dtype: Precision) -> "Problem":
        """The same problem, solved in another precision."""
        return replace(self, rows=replace(self.rows, dtype=dtype))

    @cached_property
    def class_sizes(self) -> Array:
        """How much the rows count for each class (classes,)."""
        if self.labels.ndim == 1:
            return np.bincount(self.labels).astype(np.float64)
        return self.labels.sum(axis=0, dtype=np.float64)

    @cached_property
    def prior(self) -> Array:
        """The model that only knows how frequent each class is, where fits start."""
        logs = np.log(self.class_sizes)
        intercept = logs - logs.mean() if len(logs) > 2 else logs[1:] - logs[:1]
        return np.concatenate([np.zeros((len(intercept), len(self.gram))), intercept[:, None]], 1)

    @cached_property
    def gradient_at_zero(self) -> float:
        """Norm of the gradient where all weights are zero, which is the same for every λ."""
        return float(np.linalg.norm(self.value_and_gradient(0 * self.prior, 0)[1]))

    def value_and_gradient(self, model: Array, penalty: float) -> tuple[float, Array]:
        """Value and gradient of the objective at a model; the penalty is λ."""
        rows, weights, size = self.rows, model[:, :-1], self.class_sizes.sum()
        scaled = (weights * rows.scale).astype(rows.dtype)
        intercept = model[:, -1].astype(rows.dtype)
        loss, gradient = 0.0, np.zeros(model.shape)
        for where, block in rows.blocks():
            block_loss, residual = _cross_entropy(block @ scaled.T + intercept, self.labels[where])
            loss += block_loss
            gradient[:, :-1] += (block.T @ residual).T  # a third of the time of residual.T @ block
            gradient[:, -1] += residual.sum(axis=0, dtype=np.float64)
        gradient /= size
        gradient[:, :-1] *= rows.scale
        gradient[:, :-1] += penalty * weights
        return loss / size + penalty / 2 * float((weights**2).sum()), gradient

    def predict(self, model: Array) -> Array:
        """Probabilities (num, classes)."""
        return predict(self.rows, model)

    def relative_gradient(self, gradient: Array) -> float:
        """Norm of a gradient over that of the gradient at zero."""
        smallest = float(np.finfo(float).tiny)
        return float(np.linalg.norm(gradient)) / max(self.gradient_at_zero, smallest)

    def gradient_ratio(self, model: Array, penalty: float) -> float:
        """How far a model is from the solution: its relative gradient, computed in float64."""
        exact = self.with_products_in(np.float64)
        return exact.relative_gradient(exact.value_and_gradient(model, penalty)[1])

    def preconditioner(self, penalty: float) -> Array:
        """The change of variables in which the objective is nearly round, lower triangular.

        The Hessian is the mean of (diag(p) - p pᵀ) ⊗ x xᵀ, plus λ. Its bound of Böhning (Annals of
        the Institute of Statistical Mathematics 44, 1992) puts one matrix over the classes in front
        of S = mean of x xᵀ. Here that is h · I, with h the variance of a class by the training
        labels, which is the Hessian at zero up to the coupling of the classes. With F Fᵀ =
        h · S + λ · I for the weights, and h for the intercept, the variables v = Fᵀ w make it about
        the identity, and L-BFGS needs tens of steps instead of hundreds.
        """
        shares = self.class_sizes / self.class_sizes.sum()
        curvature = float((shares * (1 - shares)).mean())
        shifted = self.gram.astype(np.float64)
        # never singular in floating point, however weak λ is
        ridge = max(penalty / curvature, 1e-10 * float(np.trace(shifted)), 1e-12)
        shifted[np.diag_indices_from(shifted)] += ridge
        factor = np.eye(len(shifted) + 1)
        factor[:-1, :-1] = cholesky(shifted, lower=True, overwrite_a=True, check_finite=False)
        factor *= np.sqrt(curvature)
        return factor

    def fit(
        self, penalty: float, preconditioner: Array, start: Array, tolerance: float
    ) -> tuple[Array, int]:
        """Minimise the objective at one λ.

        Args:
            penalty: λ.
            preconditioner: for this λ, of this problem or one like it.
            start: the model to start from.
            tolerance: relative gradient at which to stop.

        Returns:
            The model, and the number of steps.
        """

        def solve(right: Array, *, transposed: bool) -> Array:
            solved = solve_triangular(
                preconditioner, right.T, lower=True, trans=int(transposed), check_finite=False
            )
            return np.ascontiguousarray(solved.T)

        def model_of(variables: Array) -> Array:
            return solve(variables.reshape(start.shape), transposed=True)

        def function(variables: Array) -> Point:
            value, gradient = self.value_and_gradient(model_of(variables), penalty)
            by_variables = solve(gradient, transposed=False).ravel()
            return Point(variables, value, by_variables, self.relative_gradient(gradient))

        point, num_steps = minimise(function, (start @ preconditioner).ravel(), tolerance=tolerance)
        return model_of(point.at), num_steps


@dataclass(frozen=True)
class MixedProblem(Problem):
    """A problem of labels whose logits are mixtures of those of rows.

    Attributes:
        labels: 0 … classes - 1, every class present (num_mixtures,), or shares of each mixture.
        mixing: share of each row in each mixture (num_mixtures, num_rows), each at least one row's.
    """

    mixing: csr_array

    def subset(self, chosen: NDArray[np.int64]) -> "MixedProblem":
        """The problem of some of the mixtures, on the rows that are in them."""
        part = self.mixing[chosen]
        needed = np.unique(part.indices)
        labels, rows = self.labels[chosen], self.rows.subset(needed)
        return replace(self, rows=rows, labels=labels, mixing=part[:, needed])

    def value_and_gradient(self, model: Array, penalty: float) -> tuple[float, Array]:
        """Value and gradient of the objective at a model; the penalty is λ."""
        size, weights = self.class_sizes.sum(), model[:, :-1]
        loss, residual = _cross_entropy(self._logits(model), self.labels)
        of_rows = self.mixing.T @ residual
        gradient = np.zeros(model.shape)
        for where, block in self.rows.blocks():
            gradient[:, :-1] += (block.T @ of_rows[where]).T
        gradient[:, -1] = residual.sum(axis=0, dtype=np.float64)
        gradient /= size
        gradient[:, :-1] *= self.rows.scale
        gradient[:, :-1] += penalty * weights
        return loss / size + penalty / 2 * float((weights**2).sum()), gradient

    def predict(self, model: Array) -> Array:
        """Probabilities (num_mixtures, classes)."""
        return softmax(_all_classes(self._logits(model).astype(np.float64)), axis=1)

    def _logits(self, model: Array) -> Features:
        products = [product for _, product in self.rows.products(model[:, :-1].T)]
        return self.mixing @ np.concatenate(products) + model[:, -1].astype(self.rows.dtype)


def predict(rows: Rows, model: Array) -> Array:
    """Probabilities (num, classes)."""
    probabilities = np.empty((len(rows), max(2, len(model))))
    for where, logits in rows.products(model[:, :-1].T):
        logits = logits.astype(np.float64) + model[:, -1]
        probabilities[where] = softmax(_all_classes(logits), axis=1)
    return probabilities


def _all_classes(logits: Features) -> Features:
    """With the zero of the first class, where two classes share one column."""
    if logits.shape[1] > 1:
        return logits
    return np.concatenate([np.zeros_like(logits), logits], axis=1)


def _cross_entropy(logits: Features, labels: Labels | Shares) -> tuple[float, Features]:
    """Its sum over the rows, and its derivative with respect to the logits."""
    log_probabilities = log_softmax(_all_classes(logits), axis=1)
    if labels.ndim == 2:
        loss = -float(np.einsum("ij,ij->", log_probabilities, labels, dtype=np.float64))
        residual = np.exp(log_probabilities, out=log_probabilities)
        residual *= labels.sum(axis=1, keepdims=True)
        residual -= labels
        return loss, residual[:, -logits.shape[1] :]
    truth = np.arange(len(labels)), labels
    loss = -float(log_probabilities[truth].sum(dtype=np.float64))
    residual = np.exp(log_probabilities, out=log_probabilities)
    residual[truth] -= 1
    return loss, residual[:, -logits.shape[1] :]
