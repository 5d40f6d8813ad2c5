"""Variables in which the logistic objective is nearly round.

The Hessian is the mean of (diag(p) - p pᵀ) ⊗ x xᵀ, plus λ. Its bound of Böhning (Annals of the
Institute of Statistical Mathematics 44, 1992) puts one matrix over the classes in front of
S = mean of x xᵀ. Here that is h · I, h the variance of a class by the training labels, which is
the Hessian at zero up to the coupling of the classes. With L Lᵀ = S + λ/h · I, the variables
v = √h · Lᵀ w make it about the identity, and L-BFGS needs tens of steps instead of hundreds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular

from polyscale.heads.checks import Features, Labels
from polyscale.heads.objective import Linear

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    """The change of variables.

    Attributes:
        factor: L, lower triangular (dim, dim).
        curvature: h.
    """

    factor: Array
    curvature: float

    @classmethod
    def of(cls, gram: Features, curvature: float, penalty: float) -> "Metric":
        """At one λ; `gram` is S (dim, dim)."""
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
        """And back: v → the model."""
        table = variables.reshape(-1, len(self.factor) + 1) / np.sqrt(self.curvature)
        return Linear(self._solve(table[:, :-1], "T"), table[:, -1])

    def gradient(self, by_model: Linear) -> Array:
        """Of the variables, flat, from that of the model."""
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
    """h: of the indicator of a class, the mean over classes."""
    shares = np.bincount(labels) / len(labels)
    return float((shares * (1 - shares)).mean())
