"""The linear probe: multinomial logistic regression, converged, its regulariser chosen on train.

The objective is the mean cross-entropy plus λ/2 · ‖W‖², the intercept free; two classes share one
vector of weights. Features are
standardised and rotated onto the principal axes of the training rows. The rotation changes
nothing, since the solution lies in the span of those rows, but leaves at most as many columns as
there are images.

Convergence is certified, not assumed: the norm of the objective's gradient at the solution,
relative to that at zero, is computed here in float64, apart from the solver.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

LAMBDAS = tuple(10.0 ** (half / 2) for half in range(2, -15, -1))
"""From strong to weak, 10 to 10⁻⁷ in half decades, for features whose mean squared norm is 1."""

CONVERGED = 1e-5
"""Largest relative gradient norm that counts as converged."""

MAX_FOLDS = 5


@dataclass(frozen=True)
class ProbeResult:
    """What the probe says of the test images, and how it came about.

    Attributes:
        probabilities: of each class (num_test, num_classes).
        regulariser: the chosen λ, relative to the mean squared norm of an image's features.
        at_edge: whether it is the strongest or weakest that was tried.
        cv_accuracy: of the chosen λ, cross-validated on the training images.
        cv_log_loss: likewise, in nats.
        num_folds: of the cross-validation.
        gradient_ratio: norm of the gradient at the solution over that at zero.
        converged: whether that is small enough.
        num_iterations: of the final fit.
    """

    probabilities: Array
    regulariser: float
    at_edge: bool
    cv_accuracy: float
    cv_log_loss: float
    num_folds: int
    gradient_ratio: float
    converged: bool
    num_iterations: int

    def summary(self) -> dict[str, object]:
        """Everything but the probabilities, as a row of results keeps it."""
        return {
            "head": "multinomial logistic regression on standardised pooled features",
            "regulariser": self.regulariser,
            "regulariser_at_edge": self.at_edge,
            "chosen_by": f"{self.num_folds}-fold cross-validated log loss on the training images",
            "cv_accuracy": self.cv_accuracy,
            "cv_log_loss": self.cv_log_loss,
            "gradient_ratio": self.gradient_ratio,
            "converged": self.converged,
            "iterations": self.num_iterations,
        }


def fit_logistic_probe(
    train: NDArray[np.floating],
    labels: Labels,
    test: NDArray[np.floating],
    *,
    seed: int = 0,
) -> ProbeResult:
    """Choose λ by cross-validated log loss, fit on all training images, predict the test images.

    Args:
        train: features (num_train, dim).
        labels: 0 … classes - 1, each class at least twice (num_train,).
        test: features (num_test, dim).
        seed: of the folds.
    """
    if len(labels) != len(train) or train.ndim != 2 or train.shape[1:] != test.shape[1:]:
        raise ValueError(f"rows must fit, but got {train.shape}, {labels.shape}, {test.shape}")
    train_rows, test_rows = _rotate(*_standardise(train, test))
    num_folds = int(min(MAX_FOLDS, np.bincount(labels).min()))
    # on small matrices threads wait for each other more than they work
    with threadpool_limits(1):
        losses, accuracies = _cross_validate(train_rows, labels, num_folds, seed)
        best = int(np.argmin(losses))
        model = None
        for penalty in LAMBDAS[: best + 1]:
            model = _fit(train_rows, labels, penalty, model)
    assert model is not None
    ratio = gradient_ratio(train_rows, labels, model.coef_, model.intercept_, LAMBDAS[best])
    return ProbeResult(
        probabilities=model.predict_proba(test_rows),
        regulariser=LAMBDAS[best],
        at_edge=best in (0, len(LAMBDAS) - 1),
        cv_accuracy=float(accuracies[best]),
        cv_log_loss=float(losses[best]),
        num_folds=num_folds,
        gradient_ratio=ratio,
        converged=ratio <= CONVERGED,
        num_iterations=int(np.max(model.n_iter_)),
    )


def gradient_ratio(
    rows: Array, labels: Labels, weights: Array, intercept: Array, penalty: float
) -> float:
    """Norm of the objective's gradient at a solution, over its norm at zero.

    Args:
        rows: features whose mean squared norm is 1 (num, dim).
        labels: classes (num,).
        weights: (classes, dim), or (1, dim) for two classes.
        intercept: (classes,), or (1,).
        penalty: λ.
    """
    here = _gradient_norm(rows, labels, weights, intercept, penalty)
    at_zero = _gradient_norm(rows, labels, 0 * weights, 0 * intercept, penalty)
    return here / at_zero


def _gradient_norm(
    rows: Array, labels: Labels, weights: Array, intercept: Array, penalty: float
) -> float:
    logits = rows @ weights.T + intercept
    if len(weights) == 1:
        logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
    logits -= logits.max(axis=1, keepdims=True)
    residual = np.exp(logits)
    residual /= residual.sum(axis=1, keepdims=True)
    residual[np.arange(len(labels)), labels] -= 1
    residual = residual[:, -len(weights) :]
    of_weights = residual.T @ rows / len(rows) + penalty * weights
    of_intercept = residual.mean(axis=0)
    return float(np.sqrt((of_weights**2).sum() + (of_intercept**2).sum()))


def _standardise(train: NDArray[np.floating], test: NDArray[np.floating]) -> tuple[Array, Array]:
    """Each column to mean 0 and variance 1 over the training rows; constant columns to 0."""
    train64, test64 = train.astype(np.float64), test.astype(np.float64)
    mean, deviation = train64.mean(axis=0), train64.std(axis=0)
    scale = np.where(deviation > 1e-9 * (1 + np.abs(mean)), deviation, np.inf)
    return (train64 - mean) / scale, (test64 - mean) / scale


def _rotate(train: Array, test: Array) -> tuple[Array, Array]:
    """Onto the principal axes of the training rows, whose mean squared norm becomes 1."""
    left, singular, axes = np.linalg.svd(train, full_matrices=False)
    keep = singular > 1e-10 * singular.max(initial=0.0)
    if not keep.any():  # no column says anything: one that is always zero
        return np.zeros((len(train), 1)), np.zeros((len(test), 1))
    scale = np.sqrt((singular**2).sum() / len(train)) or 1.0
    return left[:, keep] * singular[keep] / scale, test @ axes[keep].T / scale


def _cross_validate(rows: Array, labels: Labels, num_folds: int, seed: int) -> tuple[Array, Array]:
    """Mean log loss and accuracy over the folds, for each λ."""
    folds = StratifiedKFold(num_folds, shuffle=True, random_state=seed)
    losses = np.zeros((num_folds, len(LAMBDAS)))
    accuracies = np.zeros_like(losses)
    for fold, (fit, held_out) in enumerate(folds.split(rows, labels)):
        model = None
        for i, penalty in enumerate(LAMBDAS):
            model = _fit(rows[fit], labels[fit], penalty, model, tolerance=1e-4)
            probabilities = model.predict_proba(rows[held_out])
            losses[fold, i] = log_loss(labels[held_out], probabilities, labels=model.classes_)
            accuracies[fold, i] = (probabilities.argmax(axis=1) == labels[held_out]).mean()
    return losses.mean(axis=0), accuracies.mean(axis=0)


def _fit(
    rows: Array,
    labels: Labels,
    penalty: float,
    start: LogisticRegression | None,
    tolerance: float = 1e-9,
) -> LogisticRegression:
    """From strong to weak regularisation, each solution starts the next."""
    model = LogisticRegression(
        C=1 / (penalty * len(rows)), tol=tolerance, max_iter=10_000, warm_start=True
    )
    if start is not None:
        model.coef_, model.intercept_ = start.coef_.copy(), start.intercept_.copy()
        model.classes_ = start.classes_
    with warnings.catch_warnings():
        # the certificate judges, not the solver
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(rows, labels)
