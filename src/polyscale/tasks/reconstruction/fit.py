"""The best linear map of a candidate's tokens to the target's, and what it leaves unexplained."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from polyscale.features import MapSource
from polyscale.learning.heads import Linear, Moments, ridge_path, screen_ridge, total
from polyscale.tasks.reconstruction.maps import batches

STRENGTHS = tuple(np.logspace(-7, 1, 17).tolist())
"""Of the regulariser, relative to the variance of a feature."""

CONSTANT = 1e-7
"""Features whose standard deviation is a smaller share of the largest are left out."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedMap:
    """A linear map of the features of a candidate.

    Attributes:
        model: fitted to all training images.
        of_folds: of each fold, fitted to all others with the same regulariser.
        facts: how it was fitted, as JSON holds it.
    """

    model: Linear
    of_folds: list[Linear]
    facts: dict[str, Any]


def fit_map(folds: Sequence[Moments]) -> FittedMap:
    """Ridge regression on standardised features; the regulariser is chosen by cross-validation.

    Args:
        folds: moments of each fold of the training images.
    """
    whole = total(folds)
    deviations = np.sqrt(np.diag(whole.scatter)[: whole.dim] / whole.num_rows)
    varies = deviations > CONSTANT * deviations.max()
    factors = np.divide(1, deviations, out=np.zeros(whole.dim), where=varies)
    num_seen = whole.num_rows * (1 - 1 / len(folds))
    alphas = [strength * num_seen for strength in STRENGTHS]
    screen = screen_ridge(folds, alphas, factors=factors)
    chosen = alphas.index(screen.best)

    def fit(moments: Moments, alpha: float) -> Linear:
        (model,) = ridge_path(moments, [alpha], factors=factors)
        return model

    return FittedMap(
        model=fit(whole, STRENGTHS[chosen] * whole.num_rows),
        of_folds=[fit(whole - fold, screen.best) for fold in folds],
        facts={
            "head": "one linear map for all tokens: ridge regression on standardised features",
            "regulariser": STRENGTHS[chosen],
            "regulariser_at_edge": chosen in (0, len(STRENGTHS) - 1),
            "chosen_by": f"squared error in {len(folds)}-fold cross-validation over images",
        },
    )


def token_losses(
    model: Linear, maps: MapSource, targets: MapSource, images: NDArray[np.integer]
) -> Float[np.ndarray, "images h w"]:
    """Mean squared error over channels of each token of some images."""
    height, width = targets.shape[1:3]
    weights, intercept = model.weights.T.astype(np.float32), model.intercept.astype(np.float32)
    parts = []
    for chosen, (rows, wanted) in batches(images, [maps, targets]):
        residual = wanted.astype(np.float32) - intercept
        residual -= rows.astype(np.float32) @ weights
        losses = np.einsum("tc,tc->t", residual, residual) / residual.shape[1]
        parts.append(losses.reshape(len(chosen), height, width))
    return np.concatenate(parts)


def image_losses(
    model: Linear,
    maps: MapSource,
    targets: MapSource,
    images: NDArray[np.integer],
    tell: Callable[[int], None],
) -> Float[np.ndarray, " images"]:
    """Mean squared error over tokens and channels of each of some images; tells how many are done.

    The losses of tokens are not kept.
    """
    step, parts = 64, []
    for start in range(0, len(images), step):
        losses = token_losses(model, maps, targets, images[start : start + step])
        parts.append(losses.mean(axis=(1, 2), dtype=np.float64))
        tell(min(start + step, len(images)))
    return np.concatenate(parts)
