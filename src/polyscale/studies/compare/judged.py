"""What a probe makes of features."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyscale.heads import ProbeResult, probe
from polyscale.studies.compare.features import Rows
from polyscale.studies.compare.plan import ComparePlan


@dataclass(frozen=True)
class Judged:
    """A probe on the features of a candidate, or of a control.

    Attributes:
        probe: what it says.
        answers: predicted class of each test image (num_test,).
        correct: whether that is right (num_test,).
        feature_dim: numbers that describe one image.
    """

    probe: ProbeResult
    answers: NDArray[np.int64]
    correct: NDArray[np.bool_]
    feature_dim: int


def judge_features(train: Rows, test: Rows, plan: ComparePlan) -> Judged:
    """Train the probe of the plan on training rows and judge it on test rows."""
    data, settings = plan.data, plan.settings
    found = probe(
        train,
        data.train.labels,
        test,
        protocol=settings.protocol,
        seed=settings.seed,
        device=settings.device,
    )
    answers = found.probabilities.argmax(axis=1)
    return Judged(found, answers, answers == data.test.labels, train.shape[1])
