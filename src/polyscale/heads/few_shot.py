"""Accuracy from a few labelled images a class: several draws, their mean and their spread."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polyscale.errors import InputError
from polyscale.heads.checks import Features, Labels, check_split, check_test_labels
from polyscale.heads.logistic import fit_logistic_probe

REGULARISER = 1e-2
"""λ for every draw, fixed beforehand: one image a class leaves nothing to choose it on."""


@dataclass(frozen=True)
class FewShot:
    """One number of shots.

    Attributes:
        shots: training images of each class.
        accuracies: on the test images, one a draw; empty where it was skipped.
        skipped: why it was, or None.
    """

    shots: int
    accuracies: tuple[float, ...]
    skipped: str | None = None

    @property
    def mean(self) -> float:
        """Over the draws; NaN where skipped."""
        return float(np.mean(self.accuracies)) if self.accuracies else float("nan")

    @property
    def spread(self) -> float:
        """Standard deviation over the draws; NaN with fewer than two."""
        return float(np.std(self.accuracies, ddof=1)) if len(self.accuracies) > 1 else float("nan")


def few_shot(
    train: Features,
    labels: Labels,
    test: Features,
    test_labels: Labels,
    *,
    shots: Sequence[int] = (1, 5, 10, 25),
    num_draws: int = 3,
    seed: int = 0,
) -> list[FewShot]:
    """Fit the logistic probe on each draw, at a fixed λ, and judge it on the test images.

    Smaller draws are part of the larger ones of the same number, so that their accuracies differ
    by the added images alone.

    Args:
        train: features (num_train, dim).
        labels: 0 … classes - 1 (num_train,).
        test: features (num_test, dim).
        test_labels: (num_test,).
        shots: images of each class; more than the smallest class has are skipped.
        num_draws: how often to draw.
        seed: of the draws.

    Raises:
        InputError: if rows don't fit or are not finite, or shots or draws are below 1.
    """
    num_classes = check_split(train, labels, test)
    check_test_labels(test_labels, len(test), num_classes)
    if num_draws < 1 or not shots or min(shots) < 1:
        raise InputError(
            f"shots and num_draws must be at least 1, but got {list(shots)} and {num_draws}."
        )
    orders = [
        np.random.default_rng((seed, draw)).permutation(len(train)) for draw in range(num_draws)
    ]
    smallest = int(np.bincount(labels).min())
    return [
        FewShot(
            number,
            tuple(
                _accuracy(train, labels, test, test_labels, first_of_each(labels, order, number))
                for order in orders
            ),
        )
        if number <= smallest
        else FewShot(number, (), f"the smallest class has {smallest} training images")
        for number in shots
    ]


def first_of_each(labels: Labels, order: Labels, number: int) -> Labels:
    """Rows of the first `number` of each class in the order."""
    classes = range(int(labels.max()) + 1)
    return np.concatenate([order[labels[order] == label][:number] for label in classes])


def _accuracy(
    train: Features, labels: Labels, test: Features, test_labels: Labels, drawn: Labels
) -> float:
    result = fit_logistic_probe(train[drawn], labels[drawn], test, regulariser=REGULARISER)
    return float((result.probabilities.argmax(axis=1) == test_labels).mean())
