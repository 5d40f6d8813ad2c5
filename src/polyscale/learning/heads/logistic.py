"""The linear probe: converged multinomial logistic regression, with λ chosen on the training rows.

Features are standardised and their mean squared norm becomes 1. λ is chosen by cross-validated log
loss along a path on which each solution is the start of the next. In the variables of the
preconditioner the first step from the class frequencies is the discriminant of LDA; further ones
are L-BFGS. Large problems multiply in float32.

Convergence is measured: the norm of the gradient at the solution, relative to that at zero, is
computed in float64. If float32 did not bring it below the tolerance, float64 continues.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from threadpoolctl import threadpool_limits

from polyscale.errors import InputError
from polyscale.learning.heads.lbfgs import Array
from polyscale.learning.heads.logistic_solver import (
    Precision,
    Problem,
    linear_head,
    rotate_if_few,
    standardise,
)
from polyscale.learning.heads.probe_data import (
    Features,
    Labels,
    ProbeResult,
    check_split,
    fold_scores,
    stratified_folds,
)

LAMBDAS = tuple(10.0 ** (half / 2) for half in range(2, -15, -1))
"""From strong to weak, 10 to 10⁻⁷ in half decades, for features whose mean squared norm is 1."""

FIRST = LAMBDAS.index(1e-3)
"""Where the search along the path starts."""

PATIENCE = 2
"""The search ends after this many steps in a row without a smaller loss."""

FOLD_TOLERANCES = {np.float32: 1e-3, np.float64: 1e-5}
"""Relative gradient in the folds, by the precision of the products: at 1e-3 the log loss is right
to about one part in ten thousand."""

CONVERGED = 1e-5
"""Largest relative gradient that counts as converged."""

MARGIN = 0.5
"""Share of the tolerance that the solver aims at, so that rounding cannot fail it."""

SMALL_TOLERANCE = 1e-8
"""The tolerance of small problems, which float64 reaches in a moment."""

LARGE = 2**20
"""Number of values in the features from which products are in float32 and use several threads."""


def product_precision(features: Features) -> Precision:
    """The precision in which products of the features are computed."""
    return np.float32 if features.size >= LARGE else np.float64


def fit_logistic_probe(
    train: Features,
    labels: Labels,
    test: Features,
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
        regulariser: a fixed λ instead of a chosen one; then a class may have a single row.
        tolerance: relative gradient to stop at; None means 1e-5, or 1e-8 for small problems.

    Raises:
        InputError: if rows do not match or are not finite, or a class is missing or too rare.
    """
    if regulariser is not None and not 0 < regulariser < np.inf:
        raise InputError(f"regulariser must be above 0 and finite, but got {regulariser}.")
    check_split(train, labels, test, at_least=2 if regulariser is None else 1)
    dtype = product_precision(train)
    is_large = dtype is np.float32
    tolerance = tolerance or (CONVERGED if is_large else SMALL_TOLERANCE)
    # on small matrices threads wait for each other more than they work
    with threadpool_limits(None if is_large else 1):
        standardised = standardise(train, dtype)
        rows, axes = rotate_if_few(standardised)
        problem = Problem.of(rows, labels)
        choice, model = None, problem.prior
        if regulariser is None:
            choice = choose_penalty(problem, stratified_folds(labels, seed))
            model, regulariser = np.mean(choice.models, axis=0), choice.penalty
        solution = converge(problem, regulariser, model, tolerance)
        linear = linear_head(standardised, solution.model, axes)
        return ProbeResult(
            probabilities=softmax(linear.scores(test), axis=1),
            linear=linear,
            regulariser=regulariser,
            at_edge=choice is not None and choice.at_edge,
            cv_accuracy=choice.accuracy if choice else np.nan,
            cv_log_loss=choice.log_loss if choice else np.nan,
            num_folds=len(choice.models) if choice else 0,
            gradient_ratio=solution.gradient_ratio,
            converged=solution.converged,
            num_iterations=solution.num_iterations,
            out_of_fold=choice.out_of_fold if choice else None,
            chosen_by=None if choice else "given",
        )


@dataclass(frozen=True)
class Solution:
    """A fitted model, and how far it is from the minimum.

    Attributes:
        model: weights and intercept of each class, see `logistic_solver`.
        gradient_ratio: norm of the gradient over that at zero, computed in float64.
        num_iterations: steps of L-BFGS.
    """

    model: Array
    gradient_ratio: float
    num_iterations: int

    @property
    def converged(self) -> bool:
        """Whether the gradient is small enough."""
        return self.gradient_ratio <= CONVERGED


def converge(problem: Problem, penalty: float, start: Array, tolerance: float) -> Solution:
    """Fit in the precision of the rows, then in float64 if that does not reach the tolerance.

    Args:
        problem: the rows and their labels.
        penalty: λ.
        start: the model to start from.
        tolerance: relative gradient to stop at.
    """
    preconditioner = problem.preconditioner(penalty)
    solution = Solution(start, np.inf, 0)
    precisions: tuple[Precision, ...] = (problem.rows.dtype, np.float64)
    for precision in dict.fromkeys(precisions):
        model, num_steps = problem.with_products_in(precision).fit(
            penalty, preconditioner, solution.model, MARGIN * tolerance
        )
        ratio = problem.gradient_ratio(model, penalty)
        solution = Solution(model, ratio, solution.num_iterations + num_steps)
        if ratio <= tolerance:
            break
    return solution


@dataclass(frozen=True)
class ScoredPenalty:
    """One λ and its cross-validation.

    Attributes:
        index: of λ in `LAMBDAS`.
        loss: by which λ is chosen.
        log_loss: mean over the folds, in nats.
        accuracy: mean over the folds.
        out_of_fold: probabilities by the model that did not see the row (num, classes).
        models: of the folds.
    """

    index: int
    loss: float
    log_loss: float
    accuracy: float
    out_of_fold: NDArray[np.float32]
    models: tuple[Array, ...]

    @property
    def penalty(self) -> float:
        """λ."""
        return LAMBDAS[self.index]

    @property
    def at_edge(self) -> bool:
        """Whether it is the strongest or the weakest λ that could be chosen."""
        return self.index in (0, len(LAMBDAS) - 1)


def choose_penalty(
    problem: Problem,
    folds: NDArray[np.int64],
    *,
    loss: Callable[[NDArray[np.floating]], float] | None = None,
    first: int | None = None,
    stride: int = 1,
) -> ScoredPenalty:
    """Choose λ by cross-validated loss: from one to weaker ones, or else to stronger ones.

    The loss falls and then rises along the path, so the search ends when it has not fallen twice
    in a row.

    Args:
        problem: the rows and their labels.
        folds: the fold that holds out each row (num,).
        loss: of the probabilities (num, classes) that rows get from the model of the other folds;
            None is their log loss.
        first: where the search starts in `LAMBDAS`; None is at 10⁻³.
        stride: steps along them from one λ that is tried to the next.
    """
    held_out = [np.flatnonzero(folds == fold) for fold in np.unique(folds)]
    kept = [problem.subset(np.flatnonzero(folds != fold)) for fold in np.unique(folds)]
    tolerance = FOLD_TOLERANCES[problem.rows.dtype]

    def score(index: int, starts: Sequence[Array]) -> ScoredPenalty:
        preconditioner = problem.preconditioner(LAMBDAS[index])
        out_of_fold = np.empty((len(folds), len(problem.class_sizes)), np.float32)
        models = []
        for training, held, start in zip(kept, held_out, starts, strict=True):
            model, _ = training.fit(LAMBDAS[index], preconditioner, start, tolerance)
            out_of_fold[held] = problem.subset(held).predict(model)
            models.append(model)
        log_loss, accuracy = fold_scores(out_of_fold, problem.labels, folds)
        chosen_by = log_loss if loss is None else loss(out_of_fold)
        return ScoredPenalty(index, chosen_by, log_loss, accuracy, out_of_fold, tuple(models))

    start = best = score(FIRST if first is None else first, [problem.prior] * len(kept))
    for step in (stride, -stride):
        last = start
        while abs(last.index - best.index) < PATIENCE * stride and 0 <= last.index + step < len(
            LAMBDAS
        ):
            last = score(last.index + step, last.models)
            if last.loss < best.loss:
                best = last
        if best is not start:
            break
    return best
