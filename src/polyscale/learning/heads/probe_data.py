"""What every probe takes and returns: checked features and labels, folds, results."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from polyscale.errors import InputError
from polyscale.learning.heads.linear_head import BLOCK, LinearHead

Features = NDArray[np.floating]
Labels = NDArray[np.int64]

Shares = NDArray[np.floating]
"""How much each row counts for each class (num, classes), where a row holds many labels."""

MAX_FOLDS = 5


@dataclass(frozen=True)
class ProbeResult:
    """What a probe predicts for the test images, and how it was fitted.

    Attributes:
        probabilities: of each class (num_test, num_classes).
        linear: features → logits of the classes, whose softmax they are.
        regulariser: the chosen λ, relative to the mean squared norm of an image's features; with
            the paper's protocol the weight decay.
        at_edge: whether it is the strongest or weakest λ that could be chosen.
        cv_accuracy: cross-validated on the training images, with the chosen λ; NaN without
            cross-validation.
        cv_log_loss: likewise, in nats.
        num_folds: of the cross-validation; 0 without.
        gradient_ratio: norm of the gradient at the solution over that at zero; NaN if not computed.
        converged: whether that is small enough.
        num_iterations: of the final fit.
        out_of_fold: probabilities of each training image by the model that did not see it
            (num_train, num_classes); None without cross-validation.
        head: description of what was trained.
        chosen_by: description of how λ was chosen; None means by cross-validation.
    """

    probabilities: NDArray[np.float64]
    linear: LinearHead
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

    def accuracy(self, labels: Labels) -> float:
        """Share of the test images whose most probable class is their label (num_test,)."""
        return float((self.probabilities.argmax(axis=1) == labels).mean())

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


def check_features(features: Features, name: str) -> None:
    """Refuse features that are not (rows, columns), neither of them 0, of finite numbers.

    Raises:
        InputError: if they are not.
    """
    if features.ndim != 2 or 0 in features.shape:
        raise InputError(
            f"{name} must have at least one row and one column, but got shape {features.shape}. "
            "Pass one row per image."
        )
    if not np.issubdtype(features.dtype, np.floating):
        raise InputError(
            f"{name} must hold floating point numbers, but got {features.dtype}. "
            "Convert it with .astype('float32')."
        )
    for start in range(0, len(features), BLOCK):
        finite = np.isfinite(features[start : start + BLOCK]).all(axis=1)
        if not finite.all():
            raise InputError(
                f"{name} must be finite, but got NaN or infinity in row "
                f"{start + int(finite.argmin())}. Extract it again or leave the image out."
            )


def check_split(train: Features, labels: Labels, test: Features, *, at_least: int = 1) -> int:
    """Check training rows, their labels and the test rows together.

    Args:
        train: features (num_train, dim).
        labels: 0 … classes - 1, at least two classes (num_train,).
        test: features (num_test, dim).
        at_least: number of training rows that each class must have.

    Returns:
        The number of classes.

    Raises:
        InputError: if features or labels break a rule.
    """
    check_features(train, "train")
    check_features(test, "test")
    if train.shape[1] != test.shape[1]:
        raise InputError(
            f"test must have the {train.shape[1]} columns of train, but got {test.shape[1]}. "
            "Take both from the same backbone and scales."
        )
    if labels.shape != (len(train),):
        raise InputError(
            f"labels must be one per row of {len(train)}, but got shape {labels.shape}. "
            "Pass labels and features in the same order."
        )
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0:
        raise InputError(
            f"labels must be whole numbers from 0, but got {labels.dtype} from {labels.min()}. "
            "Number the classes with numpy.unique(…, return_inverse=True)."
        )
    counts = np.bincount(labels)
    if len(counts) < 2:
        raise InputError(
            "labels must hold at least two classes, but got one. Add images of another class."
        )
    if counts.min() < at_least:
        rarest = int(counts.argmin())
        raise InputError(
            f"labels must hold each class at least {at_least} times, but got class {rarest} "
            f"{counts[rarest]} times. Add images of it, or leave it out and renumber the others."
        )
    return len(counts)


def check_classes(labels: Labels, num_rows: int, num_classes: int, name: str) -> None:
    """Refuse labels that are not one per row, or not from 0 to `num_classes` - 1.

    Raises:
        InputError: if they break a rule.
    """
    if labels.shape != (num_rows,) or labels.min() < 0 or labels.max() >= num_classes:
        raise InputError(
            f"{name} must be one per row of {num_rows}, from 0 to {num_classes - 1}, but got "
            f"shape {labels.shape}, {labels.min(initial=0)} to {labels.max(initial=0)}. "
            "Pass them in the order of the rows, numbered like those of training."
        )


def stratified_folds(labels: Labels, seed: int = 0) -> NDArray[np.int64]:
    """The fold that holds out each row (num,): five folds, or as many as the rarest class has rows.

    Args:
        labels: each class at least twice (num,).
        seed: of the shuffle.
    """
    num_folds = int(min(MAX_FOLDS, np.bincount(labels).min()))
    splitter = StratifiedKFold(num_folds, shuffle=True, random_state=seed)
    folds = np.empty(len(labels), np.int64)
    for number, (_, held_out) in enumerate(splitter.split(labels, labels)):
        folds[held_out] = number
    return folds


def fold_scores(
    out_of_fold: NDArray[np.floating], labels: Labels | Shares, folds: NDArray[np.int64]
) -> tuple[float, float]:
    """Log loss, in nats, and accuracy: of each, the mean over folds of the mean over rows.

    Args:
        out_of_fold: probabilities (num, classes).
        labels: classes (num,), or how much each row counts for each class (num, classes).
        folds: the fold that held out each row (num,).
    """
    least, best = np.finfo(np.float32).tiny, out_of_fold.argmax(axis=1)
    each, weights = np.arange(len(labels)), None
    if labels.ndim == 2:
        losses = -np.einsum("ij,ij->i", np.log(np.maximum(out_of_fold, least)), labels)
        right, weights = labels[each, best], labels.sum(axis=1)
    else:
        losses = -np.log(np.maximum(out_of_fold[each, labels].astype(np.float64), least))
        right = best == labels
    sizes = np.bincount(folds, weights)
    log_loss, accuracy = (
        float((np.bincount(folds, weights=values) / sizes).mean()) for values in (losses, right)
    )
    return log_loss, accuracy
