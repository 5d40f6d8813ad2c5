"""Metrics of classifiers, each of many weighted resamples at once, and calibration.

With equal shares they are scikit-learn's `accuracy_score`, `balanced_accuracy_score`, `f1_score`
(macro) and `roc_auc_score` (one class against the rest, macro), which take one weighting at a time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy.sparse import csr_array

from polyscale.stats.image_bootstrap import WeightedMetric
from polyscale.stats.segmentation import share_or_nan

Shares = Float[np.ndarray, "resamples num_test"]
OfClasses = Float[np.ndarray, "resamples num_classes"]

NUM_BINS = 10
"""Of confidence, equally wide: those of reliability curves and of the calibration error."""


@dataclass(frozen=True, eq=False)
class ClassAnswers:
    """What a classifier says of each test image.

    Attributes:
        truth: the right classes.
        probabilities: of every class.
        guesses: whether it names every class equally often; otherwise it names the most probable.
    """

    truth: Int[np.ndarray, " num_test"]
    probabilities: Float[np.ndarray, "num_test num_classes"]
    guesses: bool = False

    @property
    def is_class(self) -> csr_array:
        """1 for the class of each image (num_test, num_classes)."""
        return _ones_at(self.truth, self.probabilities.shape[1])

    @property
    def said(self) -> csr_array:
        """How often each class is named for each image (num_test, num_classes)."""
        num_classes = self.probabilities.shape[1]
        if self.guesses:
            return csr_array(np.full(self.probabilities.shape, 1 / num_classes))
        return _ones_at(self.probabilities.argmax(axis=1), num_classes)

    @property
    def right(self) -> csr_array:
        """How often each image's class is named for it (num_test, num_classes)."""
        return self.said * self.is_class


def accuracy(answers: ClassAnswers, shares: Shares) -> NDArray[np.float64]:
    """The share of images whose class is named."""
    return shares @ answers.right.sum(axis=1)


def balanced_accuracy(answers: ClassAnswers, shares: Shares) -> NDArray[np.float64]:
    """The mean over classes of the share of their images that are right."""
    return np.nanmean(class_recalls(answers, shares), axis=1)


def macro_f1(answers: ClassAnswers, shares: Shares) -> NDArray[np.float64]:
    """The mean over classes of F1, the harmonic mean of recall and precision.

    Classes that are neither on an image nor named are left out.
    """
    both = shares @ (answers.said + answers.is_class)
    return np.nanmean(share_or_nan(2 * (shares @ answers.right), both), axis=1)


def auroc(answers: ClassAnswers, shares: Shares) -> NDArray[np.float64]:
    """The area under the ROC curve of each class against the rest, and the mean over classes.

    It is the chance that an image of the class gets a higher probability of it than another image;
    equal ones count half. Classes that are on all images of a resample, or none, are left out; a
    resample of one class alone counts as 0.5.
    """
    columns = enumerate(answers.probabilities.T)
    areas = np.stack([_area(scores, answers.truth == k, shares) for k, scores in columns])
    known = np.isfinite(areas)
    total = np.where(known, areas, 0).sum(axis=0)
    return np.divide(
        total, known.sum(axis=0), out=np.full(len(shares), 0.5), where=known.any(axis=0)
    )


CLASS_METRICS: dict[str, Callable[[ClassAnswers, Shares], NDArray[np.float64]]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "macro_f1": macro_f1,
    "auroc": auroc,
}
"""Metrics by which classifiers are judged, by key."""


def class_metric(key: str, answers: ClassAnswers) -> WeightedMetric:
    """A metric of `CLASS_METRICS` as a function of the shares of the images."""
    return partial(CLASS_METRICS[key], answers)


def class_recalls(answers: ClassAnswers, shares: Shares) -> OfClasses:
    """The share of each class's images that are right; NaN where a resample has none."""
    return share_or_nan(shares @ answers.right, shares @ answers.is_class)


@dataclass(frozen=True, kw_only=True, eq=False)
class Reliability:
    """How often a classifier is right when it is this sure, by bins of confidence.

    Attributes:
        num_images: in each bin (num_bins,).
        confidence: mean probability of the named class; NaN without images.
        accuracy: share of right answers; NaN without images.
    """

    num_images: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]

    @property
    def error(self) -> float:
        """The expected calibration error (Naeini et al., AAAI 2015), 0 to 1.

        The mean over images of how far accuracy is from confidence in their bin.
        """
        gaps = np.nan_to_num(np.abs(self.accuracy - self.confidence))
        return float(gaps @ self.num_images / self.num_images.sum())


def reliability(confidence: NDArray[np.floating], correct: NDArray[np.bool_]) -> Reliability:
    """Sort images into `NUM_BINS` bins of equal width.

    Args:
        confidence: probability of the named class, 0 to 1 (num_test,).
        correct: whether it is the right one (num_test,).
    """
    at = np.minimum((confidence * NUM_BINS).astype(int), NUM_BINS - 1)
    num = np.bincount(at, minlength=NUM_BINS)
    sums = (np.bincount(at, weights=each, minlength=NUM_BINS) for each in (confidence, correct))
    means = [share_or_nan(each, num) for each in sums]
    return Reliability(num_images=num, confidence=means[0], accuracy=means[1])


def _area(
    scores: NDArray[np.floating], truth: NDArray[np.bool_], shares: Shares
) -> NDArray[np.float64]:
    """The area of one class: by rising score, the share of the rest below each of its images."""
    order = np.argsort(scores, kind="stable")
    ranked, of_class, shares = scores[order], truth[order], shares[:, order]
    rest = np.pad(np.cumsum(shares * ~of_class, axis=1), ((0, 0), (1, 0)))
    own = shares[:, of_class]
    below, up_to = (np.searchsorted(ranked, ranked[of_class], side) for side in ("left", "right"))
    area = (own * (rest[:, below] + rest[:, up_to])).sum(axis=1) / 2
    return share_or_nan(area, own.sum(axis=1) * rest[:, -1])


def _ones_at(columns: NDArray[np.integer], num_columns: int) -> csr_array:
    """A one in each row, at its column."""
    num = len(columns)
    return csr_array((np.ones(num), (np.arange(num), columns)), shape=(num, num_columns))
