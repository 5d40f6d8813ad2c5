"""λ by cross-validated log loss: a walk along the path, each solution the start of the next."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyscale.heads.checks import Features, Labels
from polyscale.heads.fit import fit, frequencies, gradient_at_zero
from polyscale.heads.folds import fold_scores
from polyscale.heads.metric import Metric, class_variance
from polyscale.heads.objective import Linear, predict
from polyscale.heads.rows import Rows

Precision = type[np.float32] | type[np.float64]

LAMBDAS = tuple(10.0 ** (half / 2) for half in range(2, -15, -1))
"""From strong to weak, 10 to 10⁻⁷ in half decades, for features whose mean squared norm is 1."""

FIRST = LAMBDAS.index(1e-3)
"""Where the walk starts."""

PATIENCE = 2
"""Steps in a row without a smaller loss, after which the walk ends."""

TOLERANCES = {np.float32: 1e-3, np.float64: 1e-5}
"""Relative gradient norm in the folds, by the precision of the products: at 1e-3 the log loss is
right to about one part in ten thousand."""


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


Score = Callable[[int, Sequence[Linear]], Scored]


def choose_penalty(
    rows: Rows, labels: Labels, folds: NDArray[np.int64], gram: Features, dtype: Precision
) -> Scored:
    """From 10⁻³ towards weaker λ, and towards stronger ones if that did not help.

    The loss falls and then rises along the path, so the walk ends once it has not fallen twice in
    a row.

    Args:
        rows: all training rows.
        labels: their classes (num,).
        folds: the fold that holds out each row (num,).
        gram: of all rows; it only shapes the steps, so the folds share it (dim, dim).
        dtype: of the products.
    """
    parts = [(np.flatnonzero(folds != f), np.flatnonzero(folds == f)) for f in np.unique(folds)]
    at_zero = [
        gradient_at_zero(rows.subset(kept), labels[kept], len(gram), dtype) for kept, _ in parts
    ]

    def score(index: int, starts: Sequence[Linear]) -> Scored:
        metric = Metric.of(gram, class_variance(labels), LAMBDAS[index])
        out_of_fold = np.empty((len(rows), int(labels.max()) + 1), np.float32)
        models = []
        for (kept, held), start, norm in zip(parts, starts, at_zero, strict=True):
            model, _ = fit(
                rows.subset(kept),
                labels[kept],
                LAMBDAS[index],
                metric,
                start,
                at_zero=norm,
                tolerance=TOLERANCES[dtype],
                dtype=dtype,
            )
            out_of_fold[held] = predict(rows.subset(held), model, dtype)
            models.append(model)
        return Scored(index, *fold_scores(out_of_fold, labels, folds), out_of_fold, tuple(models))

    first = score(FIRST, [frequencies(labels, len(gram))] * len(parts))
    best = _walk(score, first, 1)
    return best if best is not first else _walk(score, first, -1)


def _walk(score: Score, first: Scored, direction: int) -> Scored:
    best = here = first
    while 0 <= here.index + direction < len(LAMBDAS):
        here = score(here.index + direction, here.models)
        if here.log_loss < best.log_loss:
            best = here
        elif abs(here.index - best.index) == PATIENCE:
            break
    return best
