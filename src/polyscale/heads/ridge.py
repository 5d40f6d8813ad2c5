"""Ridge regression onto the classes, for a path of regularisers, from moments alone.

Minimises Σ‖y - W x - b‖² + α ‖W‖², y one-hot, as scikit-learn's `Ridge` does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyscale.errors import InputError
from polyscale.heads.moments import Moments, total
from polyscale.heads.objective import Linear

Array = NDArray[np.float64]


@dataclass(frozen=True)
class RidgeScreen:
    """How each α does on rows it did not see.

    Attributes:
        alphas: as they were given (num_alphas,).
        errors: squared error of a row, summed over classes (num_folds, num_alphas).
    """

    alphas: tuple[float, ...]
    errors: Array

    @property
    def best(self) -> float:
        """The α with the smallest mean error."""
        return self.alphas[int(self.errors.mean(axis=0).argmin())]


def ridge_path(moments: Moments, alphas: Sequence[float]) -> list[Linear]:
    """One model an α, all from one eigendecomposition.

    Args:
        moments: of the training rows.
        alphas: above 0.

    Raises:
        InputError: if an α is not above 0.
    """
    if not alphas or min(alphas) <= 0:
        raise InputError(f"alphas must be above 0, but got {list(alphas)}. Try 1e-3 to 1e3.")
    values, axes = np.linalg.eigh(moments.scatter)
    values = np.maximum(values, 0.0)
    rotated = moments.cross @ axes
    mean, shares = moments.mean, moments.counts / moments.num_rows
    models = []
    for alpha in alphas:
        weights = (rotated / (values + alpha)) @ axes.T
        models.append(Linear(weights, shares - weights @ mean))
    return models


def ridge_error(model: Linear, moments: Moments) -> float:
    """Mean over rows of ‖y - W x - b‖², without the rows.

    Args:
        model: one vector of weights a class.
        moments: of the rows to judge on.
    """
    weights, intercept = model.weights, model.intercept + model.weights @ moments.shift
    of_own = (weights * moments.sums).sum() + intercept @ moments.counts
    squares = np.einsum("kd,kd->", weights @ moments.gram, weights)
    crossed = 2 * intercept @ (weights @ moments.sums.sum(axis=0))
    num_rows = moments.num_rows
    total_error = num_rows - 2 * of_own + squares + crossed + num_rows * intercept @ intercept
    return float(total_error / num_rows)


def screen_ridge(folds: Sequence[Moments], alphas: Sequence[float]) -> RidgeScreen:
    """Cross-validate by subtraction: each fold is judged by a model of all others.

    Args:
        folds: moments of each, two or more.
        alphas: above 0.

    Raises:
        InputError: if there are fewer than two folds.
    """
    if len(folds) < 2:
        raise InputError(f"folds must be two or more, but got {len(folds)}. Accumulate by fold.")
    everything = total(folds)
    errors = [
        [ridge_error(model, fold) for model in ridge_path(everything - fold, alphas)]
        for fold in folds
    ]
    return RidgeScreen(tuple(alphas), np.array(errors))
