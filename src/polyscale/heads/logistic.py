"""The linear probe: multinomial logistic regression, converged, its regulariser chosen on train.

The objective is the mean cross-entropy plus λ/2 · ‖W‖², the intercept free; two classes share one
vector of weights. Features are standardised, and their mean squared norm becomes 1.

The solver starts from the class frequencies. In its variables (`metric`) the first step is the
discriminant of LDA; further ones are L-BFGS. Large problems multiply in float32. Convergence is
certified, not assumed: the norm of the gradient at the solution, relative to that at zero, is
computed in float64, apart from the solver. If float32 did not get there, float64 goes on.
"""

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from polyscale.errors import InputError
from polyscale.heads.checks import Labels, check_split
from polyscale.heads.fit import fit, frequencies, gradient_at_zero
from polyscale.heads.folds import stratified_folds
from polyscale.heads.metric import Metric, class_variance
from polyscale.heads.objective import gradient_ratio, predict
from polyscale.heads.path import LAMBDAS, Precision, Scored, choose_penalty
from polyscale.heads.result import ProbeResult
from polyscale.heads.rows import Rows, rotate_if_few, standardise

CONVERGED = 1e-5
"""Largest relative gradient norm that counts as converged."""

MARGIN = 0.5
"""Of the tolerance: what the solver aims at, so that rounding does not fail the certificate."""

SMALL_TOLERANCE = 1e-8
"""What small problems go on to, since float64 reaches it in a moment."""

LARGE = 2**20
"""Numbers in the features from which products are in float32 and in more than one thread."""


def fit_logistic_probe(
    train: NDArray[np.floating],
    labels: Labels,
    test: NDArray[np.floating],
    *,
    seed: int = 0,
    regulariser: float | None = None,
    tolerance: float | None = None,
) -> ProbeResult:
    """Choose λ by cross-validated log loss, fit on all training images, predict the test images.

    Args:
        train: features (num_train, dim).
        labels: 0 … classes - 1, each class at least twice (num_train,).
        test: features (num_test, dim).
        seed: of the folds.
        regulariser: λ, where it is given and not chosen; then a class may have one row.
        tolerance: relative gradient norm to stop at; None is 1e-5, or 1e-8 for small problems.

    Raises:
        InputError: if rows don't fit or are not finite, or a class is missing or too rare.
    """
    if regulariser is not None and not 0 < regulariser < np.inf:
        raise InputError(f"regulariser must be above 0 and finite, but got {regulariser}.")
    check_split(train, labels, test, at_least=2 if regulariser is None else 1)
    large = train.size >= LARGE
    # on small matrices threads wait for each other more than they work
    with threadpool_limits(None if large else 1):
        rows, test_rows = rotate_if_few(*standardise(train, test))
        dtype = np.float32 if large else np.float64
        tolerance = tolerance or (CONVERGED if large else SMALL_TOLERANCE)
        return _fit(rows, labels, test_rows, seed, regulariser, tolerance, dtype)


def _fit(
    rows: Rows,
    labels: Labels,
    test_rows: Rows,
    seed: int,
    regulariser: float | None,
    tolerance: float,
    dtype: Precision,
) -> ProbeResult:
    gram = rows.gram(dtype)
    choice: Scored | None = None
    start = frequencies(labels, len(gram))
    if regulariser is None:
        choice = choose_penalty(rows, labels, stratified_folds(labels, seed), gram, dtype)
        start, regulariser = choice.mean_model, LAMBDAS[choice.index]
    metric = Metric.of(gram, class_variance(labels), regulariser)
    model, ratio, num_iterations = start, np.inf, 0
    at_zero = gradient_at_zero(rows, labels, len(gram), dtype)
    for precision in dict.fromkeys((dtype, np.float64)):
        model, steps = fit(
            rows,
            labels,
            regulariser,
            metric,
            model,
            at_zero=at_zero,
            tolerance=MARGIN * tolerance,
            dtype=precision,
        )
        num_iterations += steps
        ratio = gradient_ratio(rows, labels, model, regulariser)
        if ratio <= tolerance:
            break
    return ProbeResult(
        probabilities=predict(test_rows, model),
        regulariser=regulariser,
        at_edge=choice is not None and choice.index in (0, len(LAMBDAS) - 1),
        cv_accuracy=choice.accuracy if choice else np.nan,
        cv_log_loss=choice.log_loss if choice else np.nan,
        num_folds=len(choice.models) if choice else 0,
        gradient_ratio=ratio,
        converged=ratio <= CONVERGED,
        num_iterations=num_iterations,
        out_of_fold=choice.out_of_fold if choice else None,
        chosen_by=None if choice else "given",
    )
