"""λ by cross-validated log loss: a walk along the path, each solution the start of the next."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyscale.heads.checks import Features, Labels
from polyscale.heads.fit import fit, frequencies
from polyscale.heads.folds import fold_scores
from polyscale.heads.metric import Metric, class_variance
from polyscale.heads.objective import Linear, predict
from polyscale.heads.rows import Rows

Precision = type[np.float32] | type[np.float64]

LAMBDAS = tuple(10.0 ** (half / 2) for half in range(2, -15, -1))
"""From strong to weak, 10 to 10⁻⁷ in half decades, for features whose mean squared norm is 1."""

FIRST = LAMBDAS.index(1e-2)
"""Where the walk starts."""

PATIENCE = 2
"""Steps in a row without a smaller loss, after which the walk turns back."""

TOLERANCES = {np.float32: 3e-4, np.float64: 1e-6}
"""Relative gradient norm in the folds, by the precision of the products."""


@dataclass(frozen=True)
class Scored:
    """One λ.

    Attributes:
        index: into `LAMBDAS`.
        log_loss: mean over the folds, in nats.
        accuracy: likewise.
        out_of_fold: probabilities by the model that did not see the row (num, classes).
        models: of the folds.
    """

    index: int
    log_loss: float
    accuracy: float
    out_of_fold: NDArray[np.float32]
    models: tuple[Linear, ...]

    @property
    def mean_model(self) -> Linear:
        """The mean of the folds' models, where a fit on all rows starts."""
        weights = np.mean([model.weights for model in self.models], axis=0)
        return Linear(weights, np.mean([model.intercept for model in self.models], axis=0))


def choose_penalty(
    rows: Rows, labels: Labels, folds: NDArray[np.int64], gram: Features, dtype: Precision
) -> Scored:
    """From 10⁻² towards weaker λ, and towards stronger ones if that did not help.

    The loss falls and then rises along the path, so the walk ends once it has not fallen twice in
    a row.

    Args:
        rows: all training rows.
        labels: their classes (num,).
        folds: the fold that holds out each row (num,).
        gram: of all rows; it only shapes the steps, so the folds share it (dim, dim).
        dtype: of the products.
    """

    def score(index: int, starts: tuple[Linear, ...]) -> Scored:
        return _score(rows, labels, folds, gram, dtype, index, starts)

    nothing = frequencies(labels, len(gram))
    first = score(FIRST, (nothing,) * (int(folds.max()) + 1))
    best = _walk(score, first, 1)
    return best if best is not first else _walk(score, first, -1)


def _walk(
    score: Callable[[int, tuple[Linear, ...]], Scored], first: Scored, direction: int
) -> Scored:
    best = here = first
    while 0 <= here.index + direction < len(LAMBDAS):
        here = score(here.index + direction, here.models)
        if here.log_loss < best.log_loss:
            best = here
        elif abs(here.index - best.index) == PATIENCE:
            break
    return best


def _score(
    rows: Rows,
    labels: Labels,
    folds: NDArray[np.int64],
    gram: Features,
    dtype: Precision,
    index: int,
    starts: tuple[Linear, ...],
) -> Scored:
    penalty = LAMBDAS[index]
    metric = Metric.of(gram, class_variance(labels), penalty)
    out_of_fold = np.empty((len(rows), int(labels.max()) + 1), np.float32)
    models = []
    for fold, start in enumerate(starts):
        kept, held = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        model, _ = fit(
            rows.subset(kept),
            labels[kept],
            penalty,
            metric,
            start,
            tolerance=TOLERANCES[dtype],
            dtype=dtype,
        )
        out_of_fold[held] = predict(rows.subset(held), model, dtype)
        models.append(model)
    return Scored(index, *fold_scores(out_of_fold, labels, folds), out_of_fold, tuple(models))
