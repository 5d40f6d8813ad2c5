"""A cascade: a small model answers, and passes on the images of which it is unsure.

An image is passed on if the small model's confidence is below a threshold. It costs what the small
model costs and, if it is passed on, the extra cost: all of a larger model, or, for the same model
at several scales, only what scale 1 has not computed already.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.integrate import trapezoid

from polyscale.errors import InputError
from polyscale.records import CascadeChoice

Thresholds = Float[np.ndarray, " num_thresholds"]


@dataclass(frozen=True, kw_only=True)
class CascadeAnswers:
    """What the two models answer to each image.

    `confidence` is the small model's, for example its highest probability.
    """

    confidence: Float[np.ndarray, " num_images"]
    small_correct: Bool[np.ndarray, " num_images"]
    large_correct: Bool[np.ndarray, " num_images"]

    def __post_init__(self) -> None:
        shapes = [a.shape for a in (self.confidence, self.small_correct, self.large_correct)]
        if len(set(shapes)) != 1 or len(shapes[0]) != 1 or shapes[0][0] == 0:
            raise InputError(
                "answers must be three arrays with one entry for each image, but got shapes "
                f"{shapes}."
            )
        if not np.isfinite(self.confidence).all():
            raise InputError("confidence must be finite, but holds NaN or infinity.")


@dataclass(frozen=True, kw_only=True)
class CascadeCurve:
    """Every threshold that makes a difference, by rising cost.

    Attributes:
        thresholds: images below it are passed on; the first passes on none, the last, infinity,
            all.
        share: of images that are passed on, 0 to 1.
        cost: mean cost of an image.
        accuracy: of the cascade, 0 to 1.
        random_accuracy: expected if as many images are passed on, but drawn at random.
    """

    thresholds: Thresholds
    share: Thresholds
    cost: Thresholds
    accuracy: Thresholds
    random_accuracy: Thresholds

    @property
    def area_gain(self) -> float:
        """Mean gain in accuracy over random choice, over all shares from none to all.

        The curve is straight between two thresholds, one of which may be chosen at random for each
        image.
        """
        return float(trapezoid(self.accuracy - self.random_accuracy, self.share))

    def at(self, threshold: float) -> CascadeChoice:
        """The cascade at any threshold, which need not be one of `thresholds`."""
        i = min(int(np.searchsorted(self.thresholds, threshold)), len(self.thresholds) - 1)
        return CascadeChoice(
            threshold=threshold,
            share=float(self.share[i]),
            cost=float(self.cost[i]),
            accuracy=float(self.accuracy[i]),
            random_accuracy=float(self.random_accuracy[i]),
        )


def cascade_curve(answers: CascadeAnswers, *, small_cost: float, extra_cost: float) -> CascadeCurve:
    """Accuracy and cost at every distinct threshold.

    Args:
        answers: to the images whose accuracy is wanted.
        small_cost: cost of the small model for one image.
        extra_cost: further cost of an image that is passed on.

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
    # images of equal confidence are passed on together: a threshold stands at the first of each
    thresholds, first = np.unique(confidence, return_index=True)
    num_passed_on = np.append(first, len(confidence))
    gained = answers.large_correct[order].astype(int) - answers.small_correct[order]
    gain = np.concatenate([[0], np.cumsum(gained)]) / len(confidence)
    small_accuracy = answers.small_correct.mean()
    share = num_passed_on / len(confidence)
    return CascadeCurve(
        thresholds=np.append(thresholds, np.inf),
        share=share,
        cost=small_cost + share * extra_cost,
        accuracy=small_accuracy + gain[num_passed_on],
        random_accuracy=small_accuracy + share * gain[-1],
    )


def choose_threshold(curve: CascadeCurve, *, max_cost: float) -> float:
    """The threshold of the highest accuracy within a budget; of equal ones the cheapest.

    Args:
        curve: of cross-validated answers to training images, never of test images.
        max_cost: the highest mean cost of an image.

    Raises:
        InputError: if the small model alone costs more.
    """
    fits = curve.cost <= max_cost
    if not fits[0]:
        raise InputError(
            f"max_cost must be at least the small model's {curve.cost[0]:g}, but got {max_cost:g}."
        )
    return float(curve.thresholds[np.argmax(np.where(fits, curve.accuracy, -np.inf))])


def run_cascade(
    calibration: CascadeAnswers,
    test: CascadeAnswers,
    *,
    small_cost: float,
    extra_cost: float,
    max_cost: float,
) -> CascadeChoice:
    """The cascade on the test images, at the threshold that is best on calibration images.

    Since these are other images, the cost on the test images may exceed `max_cost` a little. See
    `cascade_curve` and `choose_threshold` for the arguments and errors.
    """
    costs = {"small_cost": small_cost, "extra_cost": extra_cost}
    threshold = choose_threshold(cascade_curve(calibration, **costs), max_cost=max_cost)
    return cascade_curve(test, **costs).at(threshold)
