"""A cascade: the small model answers; where it is unsure, several scales or a larger one do.

An image goes on where the small model's confidence is below a threshold. The cost of an image is
that of the small model plus, for those that go on, the extra cost: all of a larger model, but for
several scales only what scale 1 has not computed already (their cost less the small model's).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from scipy.integrate import trapezoid

from polyscale.errors import InputError

Confidence = Float[NDArray[np.floating], " num_images"]
Correct = Bool[NDArray[np.bool_], " num_images"]


@dataclass(frozen=True, kw_only=True)
class CascadeAnswers:
    """What the two models say of each image.

    Attributes:
        confidence: of the small model: its highest probability, or the margin to the second.
        small_correct: whether the small model is right.
        large_correct: whether the one behind it is.
    """

    confidence: Confidence
    small_correct: Correct
    large_correct: Correct

    def __post_init__(self) -> None:
        shapes = [a.shape for a in (self.confidence, self.small_correct, self.large_correct)]
        if len(set(shapes)) != 1 or len(shapes[0]) != 1 or shapes[0][0] == 0:
            raise InputError(
                f"answers must be three arrays with one entry an image, but got shapes {shapes}."
            )
        if not np.isfinite(self.confidence).all():
            raise InputError("confidence must be finite, but holds NaN or infinity.")


@dataclass(frozen=True, kw_only=True)
class CascadeCurve:
    """Every threshold that makes a difference, by rising cost (num_thresholds,).

    Attributes:
        thresholds: an image goes on below it; the first sends none, the last, infinity, all.
        share: of images that go on, 0 to 1.
        cost: mean of an image.
        accuracy: of the cascade, 0 to 1.
        random_accuracy: expected where as many images go on, but drawn at random.
    """

    thresholds: Float[NDArray[np.float64], " num_thresholds"]
    share: Float[NDArray[np.float64], " num_thresholds"]
    cost: Float[NDArray[np.float64], " num_thresholds"]
    accuracy: Float[NDArray[np.float64], " num_thresholds"]
    random_accuracy: Float[NDArray[np.float64], " num_thresholds"]

    @property
    def area_gain(self) -> float:
        """Mean gain in accuracy over random choice, over all shares from none to all.

        Between two thresholds the curve is straight: a coin may pick either for each image.
        """
        return float(trapezoid(self.accuracy - self.random_accuracy, self.share))

    def at(self, threshold: float) -> "CascadePoint":
        """The curve where images below `threshold` go on; it need not be one of its own."""
        i = min(int(np.searchsorted(self.thresholds, threshold)), len(self.thresholds) - 1)
        return CascadePoint(
            threshold=threshold,
            share=float(self.share[i]),
            cost=float(self.cost[i]),
            accuracy=float(self.accuracy[i]),
            random_accuracy=float(self.random_accuracy[i]),
        )


@dataclass(frozen=True, kw_only=True)
class CascadePoint:
    """A cascade at one threshold, as in `CascadeCurve`."""

    threshold: float
    share: float
    cost: float
    accuracy: float
    random_accuracy: float


def cascade_curve(answers: CascadeAnswers, *, small_cost: float, extra_cost: float) -> CascadeCurve:
    """Accuracy and cost at every distinct threshold, exactly.

    Args:
        answers: to images on which no threshold was chosen, or is yet to be.
        small_cost: of the small model, for one image.
        extra_cost: of what comes behind it, for an image that goes on.

    Raises:
        InputError: if a cost is negative.
    """
    if small_cost < 0 or extra_cost < 0:
        raise InputError(
            f"costs must be at least 0, but got {small_cost:g} and {extra_cost:g}. "
            "Of several scales, give the cost beyond scale 1."
        )
    order = np.argsort(answers.confidence, kind="stable")
    confidence = answers.confidence[order].astype(np.float64)
    # images of equal confidence go on together: a threshold stands at the first of each group
    thresholds, first = np.unique(confidence, return_index=True)
    num_sent = np.append(first, len(confidence))
    gained = answers.large_correct[order].astype(int) - answers.small_correct[order]
    gain = np.concatenate([[0], np.cumsum(gained)]) / len(confidence)
    base = answers.small_correct.mean()
    share = num_sent / len(confidence)
    return CascadeCurve(
        thresholds=np.append(thresholds, np.inf),
        share=share,
        cost=small_cost + share * extra_cost,
        accuracy=base + gain[num_sent],
        random_accuracy=base + share * gain[-1],
    )


def choose_threshold(curve: CascadeCurve, *, max_cost: float) -> float:
    """The threshold of the highest accuracy within a budget; of equal ones the cheapest.

    Args:
        curve: of calibration images: cross-validated answers to training images, not test images.
        max_cost: mean cost of an image that may not be passed.

    Raises:
        InputError: if the small model alone costs more.
    """
    within = curve.cost <= max_cost
    if not within[0]:
        raise InputError(
            f"max_cost must be at least the small model's {curve.cost[0]:g}, but got {max_cost:g}."
        )
    return float(curve.thresholds[np.argmax(np.where(within, curve.accuracy, -np.inf))])


def run_cascade(
    calibration: CascadeAnswers,
    test: CascadeAnswers,
    *,
    small_cost: float,
    extra_cost: float,
    max_cost: float,
) -> CascadePoint:
    """The test images at a threshold chosen on other images.

    The cost on the test images may pass the budget a little: they are other images.

    Args:
        calibration: cross-validated answers to the training images.
        test: answers to the test images.
        small_cost: as in `cascade_curve`.
        extra_cost: as in `cascade_curve`.
        max_cost: as in `choose_threshold`.

    Raises:
        InputError: as those two.
    """
    chosen = choose_threshold(
        cascade_curve(calibration, small_cost=small_cost, extra_cost=extra_cost),
        max_cost=max_cost,
    )
    return cascade_curve(test, small_cost=small_cost, extra_cost=extra_cost).at(chosen)
