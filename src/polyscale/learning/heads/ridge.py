"""Ridge regression of any targets on features, from moments that stream over the rows.

Moments are sums over rows: one pass over shards gives them, shards add, leaving a fold out
subtracts, and a subset of columns (of scales, for example) is a sub-block. No rows are held. They
serve the reconstruction of a larger model's features by linear maps; for classes, targets are
one-hot rows. Rows are taken relative to the mean of the first block, so that large offsets cost no
precision.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy import linalg

from polyscale.errors import InputError
from polyscale.learning.heads.linear_head import BLOCK
from polyscale.learning.heads.probe_data import Features, check_classes, check_features

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """ZᵀZ over some rows, in float64, where Z is (1, features - shift, targets - shift).

    Attributes:
        dim: number of columns of the features; the others are targets.
        shift: subtracted from each row (dim + outputs,).
        products: ZᵀZ (1 + dim + outputs, 1 + dim + outputs).
    """

    dim: int
    shift: Array
    products: Array

    @property
    def num_rows(self) -> int:
        """Number of rows."""
        return round(self.products[0, 0])

    @property
    def means(self) -> tuple[Array, Array]:
        """Means of the original features (dim,) and targets (outputs,)."""
        means = self.shift + self.products[0, 1:] / self.num_rows
        return means[: self.dim], means[self.dim :]

    @property
    def scatter(self) -> Array:
        """Products of features and targets about their means (dim + outputs, dim + outputs)."""
        sums = self.products[0, 1:]
        return self.products[1:, 1:] - np.outer(sums, sums / self.num_rows)

    def select(self, columns: NDArray[np.integer]) -> "Moments":
        """The moments of some columns of the features, with all targets."""
        if np.array_equal(columns, np.arange(self.dim)):
            return self
        kept = np.concatenate([columns, np.arange(self.dim, len(self.shift))])
        places = np.concatenate([[0], 1 + kept])
        return Moments(len(columns), self.shift[kept], self.products[np.ix_(places, places)])

    def about(self, shift: Array) -> "Moments":
        """The same rows relative to another point."""
        move, products = self.shift - shift, self.products.copy()
        num, sums = products[0, 0], self.products[0, 1:]
        products[0, 1:] = products[1:, 0] = sums + num * move
        products[1:, 1:] += np.outer(sums + num * move, move) + np.outer(move, sums)
        return Moments(self.dim, shift, products)

    def __add__(self, other: "Moments") -> "Moments":
        other = other if np.array_equal(self.shift, other.shift) else other.about(self.shift)
        return Moments(self.dim, self.shift, self.products + other.products)

    def __sub__(self, other: "Moments") -> "Moments":
        return self + Moments(other.dim, other.shift, -other.products)


def accumulate(
    shards: Iterable[tuple[Features, Features, NDArray[np.int64]]],
    *,
    num_folds: int = 1,
    dtype: DTypeLike = np.float64,
) -> list[Moments]:
    """One pass over shards of (features, targets, fold of each row) → the moments of each fold.

    Args:
        shards: features (num, dim), targets (num, outputs) and folds (num,) of each shard. Fastest
            where rows of a fold follow each other.
        num_folds: folds are below it.
        dtype: of the products within a block. Sums over blocks are always float64; products in
            float32 are twice as fast and right to about six digits.

    Raises:
        InputError: if there is no shard, shards differ in width, rows are not finite, or a fold is
            too large.
    """
    folds: list[Moments] = []
    for features, targets, fold in shards:
        _check_shard(features, targets, fold, num_folds, folds[:1])
        for start in range(0, len(features), BLOCK):
            where = slice(start, start + BLOCK)
            rows = np.concatenate([features[where], targets[where]], axis=1, dtype=np.float64)
            if not folds:
                dim, shift, size = features.shape[1], rows.mean(axis=0), 1 + rows.shape[1]
                folds = [Moments(dim, shift, np.zeros((size, size))) for _ in range(num_folds)]
            ones = np.ones((len(rows), 1))
            block = np.concatenate([ones, rows - folds[0].shift], axis=1, dtype=dtype)
            numbers = np.unique(fold[where])
            for number in numbers:
                members = block if len(numbers) == 1 else block[fold[where] == number]
                folds[number].products[:] += members.T @ members
    if not folds:
        raise InputError("shards must hold at least one, but is empty. Extract features first.")
    return folds


def total(folds: Iterable[Moments]) -> Moments:
    """The moments of all folds, or all shards, together."""
    first, *rest = folds
    for moments in rest:
        first = first + moments
    return first


@dataclass(frozen=True)
class Linear:
    """A linear map: weights (outputs, dim) and intercept (outputs,)."""

    weights: Array
    intercept: Array


@dataclass(frozen=True)
class RidgeScreen:
    """The errors of several α on rows that were held out.

    Attributes:
        alphas: as given.
        errors: mean squared error per row, summed over targets (num_folds, num_alphas).
    """

    alphas: tuple[float, ...]
    errors: Array

    @property
    def best(self) -> float:
        """The α with the smallest mean error."""
        return self.alphas[int(self.errors.mean(axis=0).argmin())]


def ridge_path(
    moments: Moments, alphas: Sequence[float], *, factors: Array | float = 1.0
) -> list[Linear]:
    """Minimise Σ‖y - W x - b‖² + α ‖W / factors‖² for each α, all from one decomposition.

    Args:
        moments: of the rows.
        alphas: all above 0.
        factors: by which each feature is multiplied before its weights are counted (dim,): what
            divides features by their deviations. A feature whose factor is 0 has no weight.

    Raises:
        InputError: if an α is not above 0.
    """
    _check_alphas(alphas)
    if len(alphas) == 1:  # Cholesky's is much faster, but serves one α only
        dim, scatter = moments.dim, _scaled(moments.scatter, moments.dim, factors)
        scatter[np.diag_indices(dim)] += alphas[0]
        solved = linalg.solve(scatter[:dim, :dim], scatter[:dim, dim:], assume_a="pos")
        return [_through_means(solved.T * factors, moments)]
    values, axes, rotated = _principal_axes(moments, factors)
    weights = ((rotated / (values + alpha)) @ axes.T for alpha in alphas)
    return [_through_means(each * factors, moments) for each in weights]


def _through_means(weights: Array, moments: Moments) -> Linear:
    mean, target_mean = moments.means
    return Linear(weights, target_mean - weights @ mean)


def _scaled(products: Array, dim: int, factors: Array | float) -> Array:
    """Products of features and targets, the features times the factors; in place."""
    products[:dim] *= np.reshape(factors, (-1, 1))
    products[:, :dim] *= factors
    return products


def ridge_error(model: Linear, moments: Moments) -> float:
    """Mean of ‖y - W x - b‖² over the rows of the moments."""
    return float(np.trace(residual_products(model, moments)))


def residual_products(model: Linear, moments: Moments) -> Array:
    """Mean of r rᵀ with r = y - W x - b over the rows of the moments (outputs, outputs)."""
    dim, weights = moments.dim, model.weights
    # r is y - W x, both from the point at which it is 0
    origin = moments.shift.copy()
    origin[dim:] = model.intercept + weights @ origin[:dim]
    products = moments.about(origin).products[1:, 1:]
    crossed = weights @ products[:dim, dim:]
    own = weights @ products[:dim, :dim] @ weights.T
    return (products[dim:, dim:] - crossed - crossed.T + own) / moments.num_rows


def screen_ridge(
    folds: Sequence[Moments], alphas: Sequence[float], *, factors: Array | float = 1.0
) -> RidgeScreen:
    """Cross-validate by subtraction: each fold is judged by a model of all others.

    Args:
        folds: moments of each.
        alphas: as for `ridge_path`, like the factors.
        factors: of the features.

    Raises:
        InputError: if there are fewer than two folds, or an α is not above 0.
    """
    if len(folds) < 2:
        raise InputError(f"folds must be two or more, but got {len(folds)}. Accumulate by fold.")
    _check_alphas(alphas)
    everything = total(folds)
    errors = [_held_out_errors(everything - fold, fold, alphas, factors) for fold in folds]
    return RidgeScreen(tuple(alphas), np.array(errors))


def _held_out_errors(
    seen: Moments, held: Moments, alphas: Sequence[float], factors: Array | float
) -> list[float]:
    """`ridge_error` of the models of `ridge_path`, without making their weights.

    Along the principal axes of the features, the weights are B D with D = 1 / (values + α), so the
    error is |y|² - 2 Σ (BᵀC)ᵢᵢ Dᵢ + Σ (BᵀB)ᵢⱼ Dᵢ Tᵢⱼ Dⱼ, with C and T of the rows held out.
    """
    dim = seen.dim
    values, axes, rotated = _principal_axes(seen, factors)
    products = held.about(np.concatenate(seen.means)).products[1:, 1:]
    products = _scaled(products, dim, factors)
    linear = np.einsum("ki,ki->i", rotated, products[dim:, :dim] @ axes)
    quadratic = (rotated.T @ rotated) * (axes.T @ products[:dim, :dim] @ axes)
    constant = float(np.trace(products[dim:, dim:]))
    errors = []
    for alpha in alphas:
        shrunk = 1 / (values + alpha)
        error = constant - 2 * linear @ shrunk + shrunk @ quadratic @ shrunk
        errors.append(float(error) / held.num_rows)
    return errors


def _principal_axes(moments: Moments, factors: Array | float) -> tuple[Array, Array, Array]:
    """Scatter of the features along its axes (dim,), the axes, and the targets' scatter on them."""
    scatter, dim = _scaled(moments.scatter, moments.dim, factors), moments.dim
    values, axes = np.linalg.eigh(scatter[:dim, :dim])
    return np.maximum(values, 0.0), axes, scatter[dim:, :dim] @ axes


def _check_alphas(alphas: Sequence[float]) -> None:
    if not alphas or min(alphas) <= 0:
        raise InputError(f"alphas must be above 0, but got {list(alphas)}. Try 1e-3 to 1e3.")


def _check_shard(
    features: Features,
    targets: Features,
    fold: NDArray[np.int64],
    num_folds: int,
    first: Sequence[Moments],
) -> None:
    check_features(features, "features")
    check_features(targets, "targets")
    widths, num = (features.shape[1], targets.shape[1]), len(features)
    for moments in first:
        expected = (moments.dim, len(moments.shift) - moments.dim)
        if widths != expected:
            raise InputError(
                f"shards must have {expected} columns of features and targets like the first, "
                f"but got {widths}. Take all from the same backbones and scales."
            )
    if len(targets) != num:
        raise InputError(
            f"targets must be one per row of {num}, but got {len(targets)}. "
            "Pass all in the same order."
        )
    check_classes(fold, num, num_folds, "folds")
