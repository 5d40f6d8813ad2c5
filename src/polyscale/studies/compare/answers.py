"""From rows and scores to answers: contrasts, verdicts, and what to take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from polyscale.records import Contrast, Floor, Recommendation, Result, SelectionGap, Verdict
from polyscale.stats import corrected_contrasts, judge, paired_errors, recommend, selection_gaps
from polyscale.studies.compare.plan import ComparePlan
from polyscale.tasks import Evaluation


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a comparison answers; the fields are those of `Comparison`."""

    contrasts: tuple[Contrast, ...]
    verdicts: tuple[Verdict, ...]
    selection: tuple[SelectionGap, ...]
    recommendation: Recommendation | None


def answer(
    plan: ComparePlan,
    evaluations: Mapping[str, Evaluation],
    rows: Sequence[Result],
    *,
    floors: Sequence[Floor] = (),
    seed: int,
) -> Answers:
    """Compare all candidates.

    Args:
        plan: of the run.
        evaluations: name of a candidate → its evaluation.
        rows: of the same candidates.
        floors: what a candidate must beat to be recommended.
        seed: of the resampling.
    """
    task, margin = plan.task, plan.settings.margin
    scores = {name: evaluation.scores for name, evaluation in evaluations.items()}
    contrasts = corrected_contrasts(rows, task.contrasts(scores, margin=margin, seed=seed))
    selection = _selection(plan, evaluations, seed=seed)
    errors = paired_errors(selection, contrasts)
    advice = None
    if task.held_out:
        advice = recommend(rows, contrasts, errors, floors=floors, metric=task.metric)
    return Answers(
        contrasts=tuple(contrasts),
        verdicts=tuple(judge(rows, contrasts)),
        selection=selection,
        recommendation=advice,
    )


def _selection(
    plan: ComparePlan, evaluations: Mapping[str, Evaluation], *, seed: int
) -> tuple[SelectionGap, ...]:
    """Every pair on the training images, where these are the same for all candidates."""
    scores = {name: evaluation.selection for name, evaluation in evaluations.items()}
    unknown = {np.isnan(each.image_scores).tobytes() for each in scores.values()}
    if len(unknown) > 1 or not all(each.num_judged for each in scores.values()):
        return ()
    contrasts = plan.task.contrasts(scores, margin=plan.settings.margin, seed=seed)
    return tuple(selection_gaps(contrasts))
