"""Features as colours: the first three principal components as red, green and blue.

A colour has no meaning of its own. Cells of like colour have like features, as far as three
numbers can tell.
"""

import numpy as np
from jaxtyping import Float
from scipy.linalg import orthogonal_procrustes

TAIL = 1.0
"""Percentile at either end that is cut off, so that a few odd cells don't take all contrast."""

Cells = Float[np.ndarray, "cells dim"]
Coordinates = Float[np.ndarray, "cells 3"]


def principal_axes(cells: Cells) -> Float[np.ndarray, "dim 3"]:
    """The first three principal axes, each scaled so that cells have unit variance along it.

    Signs are such that the largest loading of an axis is positive. Where cells span fewer than
    three directions, the remaining axes are zero.
    """
    centred = np.float64(cells) - np.mean(cells, axis=0, dtype=np.float64)
    # the triangle has the same right singular vectors, and at most dim rows
    triangle = np.linalg.qr(centred, mode="r")
    _, sizes, axes = np.linalg.svd(triangle, full_matrices=False)
    sizes, axes = sizes[:3], axes[:3]
    # below this, rounding of the features themselves (float32) is all there is
    real = sizes > 1e-6 * max(np.abs(cells).max() * np.sqrt(cells.size), 1e-30)
    largest = np.take_along_axis(axes, np.abs(axes).argmax(1)[:, None], 1)
    scaled = axes * np.sign(largest) / np.where(real, sizes, np.inf)[:, None]
    padded = np.zeros((cells.shape[1], 3))
    padded[:, : len(axes)] = scaled.T * np.sqrt(len(cells))
    return padded


def turn_towards(coordinates: Coordinates, like: Coordinates) -> Float[np.ndarray, "3 3"]:
    """The rotation or reflection that brings each cell nearest to its cell in `like`."""
    turn, _ = orthogonal_procrustes(coordinates - coordinates.mean(0), like - like.mean(0))
    return turn


def to_unit(coordinates: Coordinates) -> Coordinates:
    """Each coordinate to 0 … 1 by its percentiles; a constant one becomes 0.5."""
    low, high = np.percentile(coordinates, [TAIL, 100 - TAIL], axis=0)
    flat = high - low < 1e-9
    return np.where(flat, 0.5, np.clip((coordinates - low) / np.where(flat, 1, high - low), 0, 1))
