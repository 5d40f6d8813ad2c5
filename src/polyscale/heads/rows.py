"""Features as a probe sees them: standardised block by block, so that no copy is made of them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import DTypeLike, NDArray

from polyscale.heads.checks import BLOCK, Features

Array = NDArray[np.float64]

ROTATE_UP_TO = 2048
"""Rows up to which an eigendecomposition of their Gram matrix costs less than it saves."""


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
        """Some of the rows."""
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
    """Fewer rows than columns: onto the principal axes of the training rows.

    The solution lies in the span of those rows, so this changes nothing but the number of
    columns, which becomes at most the number of rows.
    """
    if len(train) >= len(train.mean) or len(train) > ROTATE_UP_TO:
        return train, test
    dense = _dense(train)
    squares, left = np.linalg.eigh(dense @ dense.T)
    keep = squares > 1e-13 * squares.max(initial=0.0)
    if not keep.any():  # no column says anything
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
