"""Other probes on the features that are there already: does the answer depend on the probe?"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from polyscale.features import Feature
from polyscale.learning.heads import few_shot, fit_knn
from polyscale.records import Knn, Probes, Seeds, Shots
from polyscale.studies.compare.features import Features
from polyscale.tasks import Case, Evaluation, PooledTask, pooled_rows

NUM_SEEDS = 3


def run_probes(case: Case, features: Features, evaluation: Evaluation, task: PooledTask) -> Probes:
    """All other probes of a candidate; the targets of the task are classes."""
    return Probes(
        knn=_knn(case, task),
        few_shot=_few_shot(case, task),
        features=_choices(case, features, evaluation, task),
        seeds=_seeds(case, evaluation, task),
    )


def _knn(case: Case, task: PooledTask) -> Knn:
    fitted = fit_knn(case.train, task.targets(case.data.train), case.test)
    scores = task.score(fitted.probabilities, task.targets(case.data.test))
    low, high = task.intervals({"knn": scores}, seed=case.settings.seed)["knn"]
    return Knn(fitted.k, scores.value, low, high)


def _few_shot(case: Case, task: PooledTask) -> tuple[Shots, ...]:
    train, test = task.targets(case.data.train), task.targets(case.data.test)

    def score(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
        return task.score(probabilities, labels).value

    found = few_shot(case.train, train, case.test, test, seed=case.settings.seed, score=score)
    return tuple(
        Shots(f.shots, f.mean, min(f.values), max(f.values), len(f.values), None)
        if f.values
        else Shots(f.shots, None, None, None, 0, f.skipped)
        for f in found
    )


def _choices(
    case: Case, features: Features, evaluation: Evaluation, task: PooledTask
) -> dict[str, float]:
    """Without a class token there is nothing to choose."""
    backbone, scales = case.module.backbone, case.candidate.scales
    if not backbone.has_cls:
        return {"mean": evaluation.scores.value}
    choices: tuple[Feature, ...] = ("cls", "mean", "both")
    values: dict[str, float] = {}
    for choice in choices:
        if choice == case.settings.feature:
            values[choice] = evaluation.scores.value
        else:
            train, test = (
                pooled_rows(split, backbone, scales, choice)
                for split in (features.train, features.test)
            )
            values[choice] = task.evaluate(replace(case, train=train, test=test)).scores.value
    return values


def _seeds(case: Case, evaluation: Evaluation, task: PooledTask) -> Seeds:
    others = [(case.settings.seed + i) % 2**32 for i in range(1, NUM_SEEDS)]
    values = (evaluation.scores.value, *task.seed_values(case, others))
    return Seeds(values, float(np.std(values, ddof=1)))
