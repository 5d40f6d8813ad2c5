"""The linear probe: multinomial logistic regression, converged, its regulariser chosen on train.

Features are standardised, and their mean squared norm becomes 1. λ is chosen by cross-validated log
loss: a walk along a path, where each solution is the start of the next. In the variables of the
`Preconditioner` the first step from the class frequencies is the discriminant of LDA; further ones
are L-BFGS. Large problems multiply in float32.

Convergence is certified, not assumed: the norm of the gradient at the solution, relative to that at
zero, is computed in float64, apart from the solver. If float32 did not get there, float64 goes on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.linalg import cholesky, solve_triangular
from threadpoolctl import threadpool_limits

from polyscale.errors import InputError
from polyscale.learning.heads.logistic_solver import (
    Array,
    Linear,
    Point,
    Rows,
    gradient_ratio,
    loss_and_gradient,
    minimise,
    num_outputs,
    predict,
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

Precision = type[np.float32] | type[np.float64]

LAMBDAS = tuple(10.0 ** (half / 2) for half in range(2, -15, -1))
"""From strong to weak, 10 to 10⁻⁷ in half decades, for features whose mean squared norm is 1."""

FIRST = LAMBDAS.index(1e-3)
"""Where the walk along the path starts."""

PATIENCE = 2
"""Steps in a row without a smaller loss, after which the walk ends."""

FOLD_TOLERANCES = {np.float32: 1e-3, np.float64: 1e-5}
"""Relative gradient norm in the folds, by the precision of the products: at 1e-3 the log loss is
right to about one part in ten thousand."""

CONVERGED = 1e-5
"""Largest relative gradient norm that counts as converged."""

MARGIN = 0.5
"""Share of the tolerance that the solver aims at, so that rounding cannot fail it."""

SMALL_TOLERANCE = 1e-8
"""The tolerance of small problems, since float64 reaches it in a moment."""

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
    choice: ScoredPenalty | None = None
    start = frequencies(labels, len(gram))
    if regulariser is None:
        choice = choose_penalty(rows, labels, stratified_folds(labels, seed), gram, dtype)
        start, regulariser = choice.mean_model, LAMBDAS[choice.index]
    preconditioner = Preconditioner.of(gram, class_variance(labels), regulariser)
    model, ratio, num_iterations = start, np.inf, 0
    problem = Problem.of(rows, labels, dtype)
    for precision in dict.fromkeys((dtype, np.float64)):
        problem = replace(problem, dtype=precision)
        model, num_steps = problem.fit(regulariser, preconditioner, model, MARGIN * tolerance)
        num_iterations += num_steps
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


@dataclass(frozen=True)
class ScoredPenalty:
    """One λ and its cross-validation.

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


Score = Callable[[int, Sequence[Linear]], ScoredPenalty]


def choose_penalty(
    rows: Rows, labels: Labels, folds: NDArray[np.int64], gram: Features, dtype: Precision
) -> ScoredPenalty:
    """Choose λ by cross-validated log loss: from 10⁻³ to weaker ones, or else to stronger ones.

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
    problems = [Problem.of(rows.subset(kept), labels[kept], dtype) for kept, _ in parts]

    def score(index: int, starts: Sequence[Linear]) -> ScoredPenalty:
        penalty = LAMBDAS[index]
        preconditioner = Preconditioner.of(gram, class_variance(labels), penalty)
        out_of_fold = np.empty((len(rows), int(labels.max()) + 1), np.float32)
        models = []
        for problem, (_, held), start in zip(problems, parts, starts, strict=True):
            model, _ = problem.fit(penalty, preconditioner, start, FOLD_TOLERANCES[dtype])
            out_of_fold[held] = predict(rows.subset(held), model, dtype)
            models.append(model)
        scores = fold_scores(out_of_fold, labels, folds)
        return ScoredPenalty(index, *scores, out_of_fold, tuple(models))

    first = score(FIRST, [frequencies(labels, len(gram))] * len(parts))
    best = _walk(score, first, 1)
    return best if best is not first else _walk(score, first, -1)


def _walk(score: Score, first: ScoredPenalty, direction: int) -> ScoredPenalty:
    best = here = first
    while 0 <= here.index + direction < len(LAMBDAS):
        here = score(here.index + direction, here.models)
        if here.log_loss < best.log_loss:
            best = here
        elif abs(here.index - best.index) == PATIENCE:
            break
    return best


@dataclass(frozen=True)
class Preconditioner:
    """A change of variables in which the logistic objective is nearly round.

    The Hessian is the mean of (diag(p) - p pᵀ) ⊗ x xᵀ, plus λ. Its bound of Böhning (Annals of the
    Institute of Statistical Mathematics 44, 1992) puts one matrix over the classes in front of
    S = mean of x xᵀ. Here that is h · I, h the variance of a class by the training labels, which
    is the Hessian at zero up to the coupling of the classes. With L Lᵀ = S + λ/h · I, the variables
    v = √h · Lᵀ w make it about the identity, and L-BFGS needs tens of steps instead of hundreds.

    Attributes:
        factor: L, lower triangular (dim, dim).
        curvature: h.
    """

    factor: Array
    curvature: float

    @classmethod
    def of(cls, gram: Features, curvature: float, penalty: float) -> "Preconditioner":
        """The preconditioner at one λ; `gram` is S (dim, dim)."""
        shifted = gram.astype(np.float64)
        # never singular in floating point, however weak λ is
        ridge = max(penalty / curvature, 1e-10 * float(np.trace(shifted)), 1e-12)
        shifted[np.diag_indices_from(shifted)] += ridge
        factor = cholesky(shifted, lower=True, overwrite_a=True, check_finite=False)
        return cls(factor, curvature)

    def variables(self, model: Linear) -> Array:
        """The model → v, flat."""
        whitened = model.weights @ self.factor
        flat = np.concatenate([whitened, model.intercept[:, None]], axis=1).ravel()
        return np.sqrt(self.curvature) * flat

    def model(self, variables: Array) -> Linear:
        """V → the model."""
        table = variables.reshape(-1, len(self.factor) + 1) / np.sqrt(self.curvature)
        return Linear(self._solve(table[:, :-1], "T"), table[:, -1])

    def gradient(self, by_model: Linear) -> Array:
        """The gradient by the variables, flat, from that by the model."""
        table = np.concatenate(
            [self._solve(by_model.weights, "N"), by_model.intercept[:, None]], axis=1
        )
        return table.ravel() / np.sqrt(self.curvature)

    def _solve(self, right: Array, transposed: str) -> Array:
        solved = solve_triangular(
            self.factor, right.T, lower=True, trans=transposed, check_finite=False
        )
        return np.ascontiguousarray(solved.T)


def class_variance(labels: Labels) -> float:
    """h: the variance of the indicator of a class, mean over classes."""
    shares = np.bincount(labels) / len(labels)
    return float((shares * (1 - shares)).mean())


@dataclass(frozen=True)
class Problem:
    """Logistic regression of some rows, before λ is known.

    Attributes:
        rows: standardised features.
        labels: classes (num,).
        dtype: of the products.
        gradient_at_zero: its norm, which is the same for every λ.
    """

    rows: Rows
    labels: Labels
    dtype: DTypeLike
    gradient_at_zero: float

    @classmethod
    def of(cls, rows: Rows, labels: Labels, dtype: DTypeLike) -> "Problem":
        """The problem of these rows."""
        start = frequencies(labels, len(rows.mean))
        zero = Linear(start.weights, 0 * start.intercept)
        return cls(rows, labels, dtype, _norm(loss_and_gradient(rows, labels, zero, 0, dtype)[1]))

    def fit(
        self, penalty: float, preconditioner: Preconditioner, start: Linear, tolerance: float
    ) -> tuple[Linear, int]:
        """Minimise the objective at one λ.

        Args:
            penalty: λ.
            preconditioner: for this λ.
            start: the model to start from.
            tolerance: norm of the gradient, over that at zero, at which to stop.

        Returns:
            The model and the number of steps.
        """

        def function(variables: Array) -> Point:
            model = preconditioner.model(variables)
            value, slope = loss_and_gradient(self.rows, self.labels, model, penalty, self.dtype)
            size = _norm(slope) / max(self.gradient_at_zero, float(np.finfo(float).tiny))
            return Point(variables, value, preconditioner.gradient(slope), size)

        point, num_steps = minimise(function, preconditioner.variables(start), tolerance=tolerance)
        return preconditioner.model(point.at), num_steps


def frequencies(labels: Labels, dim: int) -> Linear:
    """The model that knows how frequent each class is, and nothing else; where fits start."""
    counts = np.bincount(labels)
    logs = np.log(counts)
    intercept = logs - logs.mean() if len(counts) > 2 else logs[1:] - logs[:1]
    return Linear(np.zeros((num_outputs(len(counts)), dim)), intercept)


def _norm(model: Linear) -> float:
    return float(np.sqrt((model.weights**2).sum() + (model.intercept**2).sum()))
