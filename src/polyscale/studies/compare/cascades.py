"""Small models that pass on what they are unsure of, and what that saves."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from polyscale.records import Cascade, Result, Verdict, known_axes
from polyscale.stats import CascadeAnswers, cascade_curve, run_cascade
from polyscale.tasks import Evaluation

Kind = Literal["s2", "larger"]
Axis = Literal["macs", "latency_ms"]
AXES: tuple[Axis, ...] = ("macs", "latency_ms")
MAX_POINTS = 101


def make_cascades(
    rows: Sequence[Result],
    verdicts: Sequence[Verdict],
    evaluations: Mapping[str, Evaluation],
    train_labels: NDArray[np.int64],
) -> tuple[Cascade, ...]:
    """For each family with a verdict: scale 1 → several scales, and scale 1 → the larger model.

    Args:
        rows: the rows of all candidates.
        verdicts: the verdicts of the run.
        evaluations: candidate → its evaluation, whose `head` is a `ProbeResult`.
        train_labels: classes of the training images (num_train,).
    """
    cascades: list[Cascade] = []
    for verdict in verdicts:
        small = next(
            (r for r in rows if r.backbone == verdict.s2.backbone and r.scales == (1,)), None
        )
        if small is None:
            continue
        pairs: tuple[tuple[Kind, Result], ...] = (("s2", verdict.s2), ("larger", verdict.larger))
        for kind, large in pairs:
            both = evaluations[small.candidate], evaluations[large.candidate]
            answers = _answers(*both, train_labels)
            if answers is not None:
                axes = [axis for axis in AXES if axis in known_axes(rows)]
                cascades += [_cascade(small, large, kind, axis, answers) for axis in axes]
    return tuple(cascades)


def _answers(
    small: Evaluation, large: Evaluation, labels: NDArray[np.int64]
) -> tuple[CascadeAnswers, CascadeAnswers] | None:
    """To the training images, cross-validated, and to the test images."""
    of_small, of_large = small.head.out_of_fold, large.head.out_of_fold
    small_correct, large_correct = small.scores.correct, large.scores.correct
    if of_small is None or of_large is None or small_correct is None or large_correct is None:
        return None
    calibration = CascadeAnswers(
        confidence=of_small.max(axis=1).astype(np.float64),
        small_correct=of_small.argmax(axis=1) == labels,
        large_correct=of_large.argmax(axis=1) == labels,
    )
    test = CascadeAnswers(
        confidence=small.head.probabilities.max(axis=1),
        small_correct=small_correct,
        large_correct=large_correct,
    )
    return calibration, test


def _cascade(
    small: Result,
    large: Result,
    kind: Kind,
    axis: Axis,
    answers: tuple[CascadeAnswers, CascadeAnswers],
) -> Cascade:
    calibration, test = answers
    small_cost, large_cost = float(getattr(small, axis)), float(getattr(large, axis))
    shares_scale_1 = kind == "s2" and 1 in large.scales
    extra_cost = max(large_cost - small_cost, 0.0) if shares_scale_1 else large_cost
    curve = cascade_curve(test, small_cost=small_cost, extra_cost=extra_cost)
    chosen = run_cascade(
        calibration,
        test,
        small_cost=small_cost,
        extra_cost=extra_cost,
        max_cost=max(large_cost, small_cost),
    )
    kept = np.unique(np.linspace(0, len(curve.share) - 1, MAX_POINTS).round().astype(int))
    return Cascade(
        small=small.candidate,
        large=large.candidate,
        kind=kind,
        axis=axis,
        # the last threshold is infinite, which JSON does not know: no probability reaches 2
        thresholds=tuple(np.minimum(curve.thresholds[kept], 2.0).tolist()),
        share=tuple(curve.share[kept].tolist()),
        cost=tuple(curve.cost[kept].tolist()),
        accuracy=tuple(curve.accuracy[kept].tolist()),
        random_accuracy=tuple(curve.random_accuracy[kept].tolist()),
        area_gain=curve.area_gain,
        chosen=replace(chosen, threshold=min(chosen.threshold, 2.0)),
    )
