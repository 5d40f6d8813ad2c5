"""Combines comparisons of the same arms, one for each training, into one over all trainings."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean

import numpy as np
from jaxtyping import Float

from polyscale.learning.pretraining import Pretrained
from polyscale.records import Arm, ArmContrast, Arms, Result, Timing
from polyscale.stats import difference_over_both, holm, over_seeds
from polyscale.studies.arms.plan import ArmsPlan
from polyscale.studies.arms.settings import BASE, DURING, LARGER
from polyscale.studies.arms.task import OverTrainings
from polyscale.studies.compare import Comparison
from polyscale.studies.compare.answers import answer
from polyscale.tasks import Evaluation, Scores
from polyscale.tasks.evaluation import spread_of_seeds

Correct = Float[np.ndarray, "num_seeds num_images"]


def combine(
    plan: ArmsPlan,
    comparisons: Sequence[Comparison],
    pretrained: Sequence[Mapping[str, Pretrained]],
) -> Comparison:
    """Combine the comparisons of all trainings.

    Every value is the mean over trainings. Intervals resample images; `make_arms` adds how much
    values vary between trainings.

    Args:
        plan: of the arms.
        comparisons: one for each training, all on the same images.
        pretrained: for each comparison, name of a backbone → its training.
    """
    first = comparisons[0]
    task = OverTrainings(make_arms(plan, comparisons, pretrained))
    evaluations = {
        name: _mean_evaluation([each.evaluations[name] for each in comparisons])
        for name in first.evaluations
    }
    scores = {name: evaluation.scores for name, evaluation in evaluations.items()}
    intervals = task.intervals(scores, seed=plan.seed)
    facts = {**plan.facts, "intervals": task.about_intervals}
    rows = tuple(
        _mean_row(row, evaluations[row.candidate], intervals[row.candidate], facts)
        for row in first.rows
    )
    shared = replace(first.plan, task=task, facts=facts)
    candidates = {candidate: evaluations[str(candidate)] for candidate in shared.candidates}
    return replace(
        first,
        plan=shared,
        rows=rows,
        **vars(answer(shared, evaluations, rows, seed=plan.seed)),
        evaluations=evaluations,
        gallery=task.gallery(candidates, shared.data, None),
        cascades=None,
        timing=_total([each.timing for each in comparisons]),
    )


def make_arms(
    plan: ArmsPlan,
    comparisons: Sequence[Comparison],
    pretrained: Sequence[Mapping[str, Pretrained]],
) -> Arms:
    """Summarise each arm over its trainings, and the differences that Table 4 is about."""
    rows = {row.candidate: row for row in comparisons[0].rows}
    correct = {name: _correct([c.scores[name] for c in comparisons]) for name in rows}
    several = ",".join(f"{scale:g}" for scale in plan.settings.scales)
    base, after, larger, during = (
        f"{BASE}@1",
        f"{BASE}@{several}",
        f"{LARGER}@1",
        f"{DURING}@{several}",
    )
    about = {
        base: "small, one scale",
        after: "small, S² after pre-training",
        larger: "larger, one scale",
        during: "small, S² during pre-training",
    }
    trainings = plan.settings.trainings(0)

    def arm(name: str) -> Arm:
        backbone = rows[name].backbone
        runs = [own[backbone] for own in pretrained]
        spread = over_seeds(correct[name], seed=plan.seed)
        return Arm(
            candidate=name,
            about=about[name],
            train_scales=trainings[backbone].scales,
            train_macs=runs[0].macs,
            train_images=runs[0].images,
            train_loss=tuple(run.final_loss for run in runs),
            use_macs=rows[name].macs,
            values=spread.values,
            mean=spread.mean,
            ci_low=spread.ci_low,
            ci_high=spread.ci_high,
            seed_std=spread.seed_std,
        )

    pairs = ((during, after), (during, larger), (after, base))
    return Arms(
        num_pretrain=len(plan.pretrain_data.train),
        num_probe=len(plan.probe_data.train),
        epochs=trainings[BASE].epochs,
        arms=tuple(map(arm, about)),
        contrasts=_contrasts(pairs, correct, plan),
    )


def _contrasts(
    pairs: Sequence[tuple[str, str]], correct: Mapping[str, Correct], plan: ArmsPlan
) -> tuple[ArmContrast, ...]:
    sides = {pair: (correct[pair[0]], correct[pair[1]]) for pair in pairs}
    spreads = {pair: over_seeds(a - b, seed=plan.seed) for pair, (a, b) in sides.items()}
    both = {pair: difference_over_both(a, b, seed=plan.seed) for pair, (a, b) in sides.items()}
    intervals = {pair: each.interval() for pair, each in both.items()}
    corrected = holm([each.p_value for each in both.values()])
    return tuple(
        ArmContrast(
            first=pair[0],
            second=pair[1],
            differences=spread.values,
            difference=spread.mean,
            ci_low=spread.ci_low,
            ci_high=spread.ci_high,
            seed_std=spread.seed_std,
            both_low=intervals[pair][0],
            both_high=intervals[pair][1],
            p_value=both[pair].p_value,
            p_holm=p_holm,
        )
        for (pair, spread), p_holm in zip(spreads.items(), corrected, strict=True)
    )


def _correct(scores: Sequence[Scores]) -> Correct:
    """Whether each training is right on each image."""
    return np.stack([np.asarray(each.image_scores, np.float64) for each in scores])


def _mean_scores(scores: Sequence[Scores]) -> Scores:
    """The mean over trainings, image by image."""
    trainings = _correct(scores)
    shares = trainings.mean(axis=0)
    columns = dict(scores[0].columns)
    if columns:
        answers = zip(*(each.columns.get("prediction", ()) for each in scores), strict=True)
        columns = {
            "label": columns.get("label", ()),
            "prediction": [" / ".join(dict.fromkeys(own)) for own in answers],
            "accuracy": shares,
        }
        columns = {name: values for name, values in columns.items() if len(values)}
    return Scores(
        value=float(shares.mean()),
        columns=columns,
        others={key: fmean(each.others[key] for each in scores) for key in scores[0].others},
        image_scores=shares,
        statistics=shares[:, None],
        trainings=trainings,
    )


def _mean_evaluation(evaluations: Sequence[Evaluation]) -> Evaluation:
    first = evaluations[0]
    trained = [each.train_value for each in evaluations if each.train_value is not None]
    return replace(
        first,
        scores=_mean_scores([each.scores for each in evaluations]),
        selection=_mean_scores([each.selection for each in evaluations]),
        train_value=fmean(trained) if trained else None,
        head=None,
        saved=None,
        facts={**first.facts, **spread_of_seeds([each.scores.value for each in evaluations])},
    )


def _mean_row(
    row: Result, evaluation: Evaluation, interval: tuple[float, float], facts: Mapping[str, object]
) -> Result:
    return replace(
        row,
        value=evaluation.scores.value,
        ci_low=interval[0],
        ci_high=interval[1],
        selection_value=evaluation.selection.value,
        train_value=evaluation.train_value,
        probe=evaluation.facts,
        scores=evaluation.scores.others,
        settings={**facts, "date": row.settings["date"]},
    )


def _total(timings: Sequence[Timing]) -> Timing:
    stages = dict.fromkeys(name for timing in timings for name in timing.stages)
    return Timing(
        wall_s=sum(timing.wall_s for timing in timings),
        model_s=sum(timing.model_s for timing in timings),
        num_tiles=sum(timing.num_tiles for timing in timings),
        stages={name: sum(t.stages.get(name, 0.0) for t in timings) for name in stages},
    )
