"""Sufficient statistics of labelled features: one pass, then every subset, fold and λ.

Per fold: how many rows of each class, their sums, and XᵀX. Those are sums over rows, so shards
add, leaving a fold out subtracts, and a subset of columns is a sub-block. Rows are taken relative
to the mean of the first block, which keeps large offsets from eating the digits.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

from polyscale.errors import InputError
from polyscale.heads.checks import BLOCK, Features, Labels, check_features

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Of some rows, in float64.

    Attributes:
        shift: what is taken off each row first (dim,).
        counts: rows of each class (classes,).
        sums: of the rows of each class, XᵀY transposed (classes, dim).
        gram: XᵀX (dim, dim).
    """

    shift: Array
    counts: NDArray[np.int64]
    sums: Array
    gram: Array

    @property
    def num_rows(self) -> int:
        """Of all classes."""
        return int(self.counts.sum())

    @property
    def mean(self) -> Array:
        """Of the rows as they came (dim,)."""
        return self.shift + self.sums.sum(axis=0) / self.num_rows

    @property
    def class_means(self) -> Array:
        """Of the rows of each class as they came (classes, dim)."""
        return self.shift + self.sums / self.counts[:, None]

    @property
    def scatter(self) -> Array:
        """XᵀX about the mean (dim, dim)."""
        total = self.sums.sum(axis=0)
        return self.gram - np.outer(total, total / self.num_rows)

    @property
    def cross(self) -> Array:
        """YᵀX about both means (classes, dim)."""
        return self.sums - np.outer(self.counts / self.num_rows, self.sums.sum(axis=0))

    @property
    def within(self) -> Array:
        """Covariance about the class means, divided by the number of rows (dim, dim)."""
        present = self.counts > 0
        sums = self.sums[present]
        between = sums.T @ (sums / self.counts[present, None])
        return (self.gram - between) / self.num_rows

    def select(self, columns: NDArray[np.integer]) -> "Moments":
        """Of some columns."""
        return Moments(
            self.shift[columns],
            self.counts,
            self.sums[:, columns],
            self.gram[np.ix_(columns, columns)],
        )

    def about(self, shift: Array) -> "Moments":
        """The same rows relative to another point."""
        move, total = self.shift - shift, self.sums.sum(axis=0)
        crossed = np.outer(move, total)
        return Moments(
            shift,
            self.counts,
            self.sums + self.counts[:, None] * move,
            self.gram + crossed + crossed.T + self.num_rows * np.outer(move, move),
        )

    def __add__(self, other: "Moments") -> "Moments":
        other = other if np.array_equal(self.shift, other.shift) else other.about(self.shift)
        return Moments(
            self.shift,
            self.counts + other.counts,
            self.sums + other.sums,
            self.gram + other.gram,
        )

    def __sub__(self, other: "Moments") -> "Moments":
        negative = Moments(other.shift, -other.counts, -other.sums, -other.gram)
        return self + negative


def accumulate(
    shards: Iterable[tuple[Features, Labels, NDArray[np.int64]]],
    *,
    num_classes: int,
    num_folds: int = 1,
    dtype: DTypeLike = np.float64,
) -> list[Moments]:
    """One pass over shards of (features, labels, fold of each row) → the moments of each fold.

    Args:
        shards: features (num, dim), labels (num,) and folds (num,) of each.
        num_classes: labels are below.
        num_folds: folds are below.
        dtype: of the products within a block. Sums over blocks are float64 either way; float32
            is twice as fast and leaves XᵀX right to about six digits.

    Raises:
        InputError: if there is no shard, shards differ in width, or a label or fold is too large.
    """
    folds: list[Moments] = []
    for features, labels, fold in shards:
        check_features(features, "features")
        if not folds:
            shift = features[:BLOCK].mean(axis=0, dtype=np.float64)
            folds = [_nothing(shift, num_classes) for _ in range(num_folds)]
        if features.shape[1] != len(folds[0].shift):
            raise InputError(
                f"shards must have {len(folds[0].shift)} columns like the first, "
                f"but got {features.shape[1]}. Take all from the same backbone and scales."
            )
        _check(labels, num_classes, len(features), "labels")
        _check(fold, num_folds, len(features), "folds")
        for start in range(0, len(features), BLOCK):
            where = slice(start, start + BLOCK)
            block = (features[where] - folds[0].shift).astype(dtype)
            for number in np.unique(fold[where]):
                own = fold[where] == number
                _add(folds[number], block[own], labels[where][own])
    if not folds:
        raise InputError("shards must hold at least one, but is empty. Extract features first.")
    return folds


def total(folds: Iterable[Moments]) -> Moments:
    """Of all folds, or all shards, together."""
    first, *rest = folds
    for moments in rest:
        first = first + moments
    return first


def _nothing(shift: Array, num_classes: int) -> Moments:
    dim = len(shift)
    counts = np.zeros(num_classes, np.int64)
    return Moments(shift, counts, np.zeros((num_classes, dim)), np.zeros((dim, dim)))


def _add(moments: Moments, block: Features, labels: Labels) -> None:
    """In place: the arrays are still ours alone."""
    moments.counts[:] += np.bincount(labels, minlength=len(moments.counts))
    one_hot = (labels[:, None] == np.arange(len(moments.counts))).astype(block.dtype)
    moments.sums[:] += one_hot.T @ block
    moments.gram[:] += block.T @ block


def _check(values: NDArray[np.int64], limit: int, num_rows: int, name: str) -> None:
    if values.shape != (num_rows,) or values.min() < 0 or values.max() >= limit:
        raise InputError(
            f"{name} must be one a row of {num_rows}, each from 0 to {limit - 1}, "
            f"but got shape {values.shape}, {values.min(initial=0)} to {values.max(initial=0)}. "
            "Pass all in the same order."
        )
