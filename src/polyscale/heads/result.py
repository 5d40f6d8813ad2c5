"""What a probe says."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ProbeResult:
    """What the probe says of the test images, and how it came about.

    Attributes:
        probabilities: of each class (num_test, num_classes).
        regulariser: the chosen λ, relative to the mean squared norm of an image's features; the
            weight decay of a probe that is trained by the paper's protocol.
        at_edge: whether it is the strongest or weakest that was tried.
        cv_accuracy: of the chosen λ, cross-validated on the training images; NaN without.
        cv_log_loss: likewise, in nats.
        num_folds: of the cross-validation; 0 without.
        gradient_ratio: norm of the gradient at the solution over that at zero; NaN if not sought.
        converged: whether that is small enough.
        num_iterations: of the final fit.
        out_of_fold: probabilities of each training image by the model that did not see it
            (num_train, num_classes); None without cross-validation.
        head: what was trained, in words.
        chosen_by: how λ was chosen, in words; None is by cross-validation.
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
    out_of_fold: NDArray[np.floating] | None = None
    head: str = "multinomial logistic regression on standardised pooled features"
    chosen_by: str | None = None

    def summary(self) -> dict[str, object]:
        """Everything but the probabilities, as a row of results keeps it."""
        by_folds = f"{self.num_folds}-fold cross-validated log loss on the training images"
        return {
            "head": self.head,
            "regulariser": self.regulariser,
            "regulariser_at_edge": self.at_edge,
            "chosen_by": self.chosen_by or by_folds,
            "cv_accuracy": self.cv_accuracy if self.num_folds else None,
            "cv_log_loss": self.cv_log_loss if self.num_folds else None,
            "gradient_ratio": None if np.isnan(self.gradient_ratio) else self.gradient_ratio,
            "converged": self.converged,
            "iterations": self.num_iterations,
        }
