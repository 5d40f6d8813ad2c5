"""Linear discriminant analysis with shrinkage, from moments alone."""

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from polyscale.errors import InputError
from polyscale.heads.moments import Moments
from polyscale.heads.objective import Linear


def fit_lda(moments: Moments, *, shrinkage: float = 0.1) -> Linear:
    """One vector of weights a class; the softmax of its outputs are LDA's probabilities.

    The covariance within the classes is mixed with the identity times its mean variance, as
    scikit-learn's `LinearDiscriminantAnalysis(solver="lsqr")` does.

    Args:
        moments: of the training rows, each class at least once.
        shrinkage: share of the identity, 0 … 1.

    Raises:
        InputError: if the shrinkage is out of range, a class is empty, or the covariance is
            singular.
    """
    if not 0 <= shrinkage <= 1:
        raise InputError(f"shrinkage must be from 0 to 1, but got {shrinkage}. Try 0.1.")
    if not moments.counts.all():
        raise InputError(
            f"moments must hold each class, but class {int(moments.counts.argmin())} is empty. "
            "Leave it out."
        )
    covariance = (1 - shrinkage) * moments.within
    dim = len(covariance)
    covariance[np.diag_indices(dim)] += shrinkage * np.trace(moments.within) / dim
    means = moments.class_means
    # relative to the overall mean: a shift all classes share cancels in the softmax
    centred = means - moments.mean
    try:
        weights = cho_solve(cho_factor(covariance), centred.T).T
    except LinAlgError:
        raise InputError(
            f"shrinkage must be larger where columns depend on each other, but got {shrinkage}. "
            "Try 0.1."
        ) from None
    priors = np.log(moments.counts / moments.num_rows)
    return Linear(weights, priors - ((means + moments.mean) / 2 * weights).sum(axis=1))
