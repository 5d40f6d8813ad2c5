"""Other probes on the features that are there already: does the answer hang on the probe?"""

import numpy as np

from polyscale.heads import Feature, few_shot, fit_knn, paper_seed_accuracies, probe
from polyscale.records import Knn, Probes, Seeds, Shots
from polyscale.stats import accuracy_intervals
from polyscale.studies.compare.features import Features, Rows
from polyscale.studies.compare.judged import Judged, judge_features
from polyscale.studies.compare.plan import ComparePlan
from polyscale.types import Candidate

NUM_SEEDS = 3


def run_probes(
    candidate: Candidate, features: Features, judged: Judged, plan: ComparePlan
) -> Probes:
    """All other probes of one candidate.

    Args:
        candidate: what is looked at.
        features: of its backbone.
        judged: its own probe.
        plan: of the run.
    """
    train, test = features.columns(candidate.scales, plan.settings.feature)
    return Probes(
        knn=_knn(train, test, plan),
        few_shot=_few_shot(train, test, plan),
        features=_choices(candidate, features, judged, plan),
        seeds=_seeds(train, test, judged, plan),
    )


def _knn(train: Rows, test: Rows, plan: ComparePlan) -> Knn:
    found = fit_knn(train, plan.data.train.labels, test)
    correct = found.probabilities.argmax(axis=1) == plan.data.test.labels
    low, high = accuracy_intervals({"knn": correct})["knn"]
    return Knn(found.k, float(correct.mean()), low, high)


def _few_shot(train: Rows, test: Rows, plan: ComparePlan) -> tuple[Shots, ...]:
    data = plan.data
    found = few_shot(train, data.train.labels, test, data.test.labels, seed=plan.settings.seed)
    return tuple(
        Shots(f.shots, f.mean, min(f.accuracies), max(f.accuracies), len(f.accuracies), None)
        if f.accuracies
        else Shots(f.shots, None, None, None, 0, f.skipped)
        for f in found
    )


def _choices(
    candidate: Candidate, features: Features, judged: Judged, plan: ComparePlan
) -> dict[str, float]:
    """Without a class token there is nothing to choose."""
    own = plan.settings.feature
    accuracies = {own: float(judged.correct.mean())}
    if not features.backbone.has_cls:
        return {"mean": accuracies[own]}
    choices: tuple[Feature, ...] = ("cls", "mean", "both")
    for choice in choices:
        if choice not in accuracies:
            columns = features.columns(candidate.scales, choice)
            accuracies[choice] = float(judge_features(*columns, plan).correct.mean())
    return {choice: accuracies[choice] for choice in choices}


def _seeds(train: Rows, test: Rows, judged: Judged, plan: ComparePlan) -> Seeds:
    data, settings = plan.data, plan.settings
    others = [(settings.seed + i) % 2**32 for i in range(1, NUM_SEEDS)]
    if settings.protocol == "paper":
        rest = paper_seed_accuracies(
            train,
            data.train.labels,
            test,
            data.test.labels,
            seeds=others,
            device=settings.device,
        )
    else:
        rest = tuple(
            float((found.probabilities.argmax(axis=1) == data.test.labels).mean())
            for found in (probe(train, data.train.labels, test, seed=s) for s in others)
        )
    values = (float(judged.correct.mean()), *rest)
    return Seeds(values, float(np.std(values, ddof=1)))
