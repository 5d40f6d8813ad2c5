"""Several runs as one, where they answer the same question."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from polyscale.report.extras import Extras
from polyscale.report.predictions import Predictions
from polyscale.report.read import Picture, Run, answers_at
from polyscale.stats import MARGIN, corrected_contrasts, judge, paired_contrasts

SHARED = ("data", "task", "metric", "source")
FINGERPRINTS = ("train_fingerprint", "test_fingerprint")


def differences(runs: Sequence[Run]) -> list[str]:
    """What keeps runs from sharing contrasts, as names; empty where nothing does.

    A fingerprint that a run does not have counts as different: nothing tells that the images are
    the same.
    """
    first = runs[0]
    found = [
        name
        for name in SHARED
        if any(getattr(r.results[0], name) != getattr(first.results[0], name) for r in runs)
    ]
    for name in FINGERPRINTS:
        prints = [r.results[0].settings.get(name) for r in runs]
        if None in prints or len(set(map(str, prints))) > 1:
            found.append(name.replace("_fingerprint", " images"))
    same = all(
        np.array_equal(r.predictions.ids, first.predictions.ids)
        and np.array_equal(r.predictions.labels, first.predictions.labels)
        for r in runs
    )
    return found if same or "test images" in found else [*found, "test images"]


def merge(runs: Sequence[Run]) -> Run:
    """One run of all candidates, its contrasts and verdicts computed anew from the answers.

    Of a candidate that is in several, the newest row stands.

    Args:
        runs: without `differences`.
    """
    by_age = sorted(runs, key=_age)
    source = {result.candidate: run for run in by_age for result in run.results}
    names = list(dict.fromkeys(r.candidate for run in runs for r in run.results))
    rows = {r.candidate: r for run in runs for r in run.results if source[r.candidate] is run}
    results = tuple(rows[name] for name in names)
    predictions = Predictions(
        ids=runs[0].predictions.ids,
        labels=runs[0].predictions.labels,
        said={n: source[n].predictions.said[n] for n in names},
        probability={n: source[n].predictions.probability[n] for n in names},
        correct={n: source[n].predictions.correct[n] for n in names},
    )
    margins = {c.margin for run in runs for c in run.contrasts}
    contrasts = corrected_contrasts(
        results,
        paired_contrasts(
            dict(predictions.correct),
            margin=margins.pop() if len(margins) == 1 else MARGIN,
            seed=int(results[0].settings.get("seed", 0)),
        ),
    )
    return Run(
        folder=", ".join(run.folder for run in runs),
        results=results,
        contrasts=tuple(contrasts),
        verdicts=tuple(judge(results, contrasts)),
        predictions=predictions,
        pictures=_pictures(by_age, predictions),
        date=by_age[-1].date,
        extras=_extras(by_age, source),
        notes=(_origin(runs), *_replaced(by_age, names, source)),
    )


def _age(run: Run) -> tuple[str, float]:
    """By the day that the run names, and within a day by its file."""
    return run.date, (Path(run.folder) / "results.json").stat().st_mtime


def _origin(runs: Sequence[Run]) -> str:
    names = ", ".join(f"{run.folder} ({run.date})" for run in runs)
    return (
        f"Merged from {names}. Differences and verdicts were computed anew from the answers to "
        "the shared test images. Time and memory of runs on different machines don’t compare."
    )


def _replaced(by_age: Sequence[Run], names: Sequence[str], source: Mapping[str, Run]) -> list[str]:
    """For each run whose rows took the place of older ones: which."""
    repeated = [n for n in names if sum(n in run.predictions.said for run in by_age) > 1]
    newest: dict[str, list[str]] = {}
    for name in repeated:
        newest.setdefault(source[name].folder, []).append(name)
    return [
        f"In several of the runs: {', '.join(own)}. The newest, of {folder}, "
        f"{'is' if len(own) == 1 else 'are'} shown."
        for folder, own in newest.items()
    ]


def _pictures(by_age: Sequence[Run], predictions: Predictions) -> tuple[Picture, ...]:
    """Each picture once, with the answers of all candidates."""
    index = {id_: i for i, id_ in enumerate(predictions.ids)}
    found = {picture.id: picture for run in by_age for picture in run.pictures}
    return tuple(
        replace(picture, answers=answers_at(predictions, index[id_]))
        for id_, picture in found.items()
    )


def _extras(by_age: Sequence[Run], source: Mapping[str, Run]) -> Extras:
    """Of each run what belongs to its own rows."""

    def stands(name: str, run: Run) -> bool:
        return source.get(name) is run

    return Extras(
        cascades=tuple(
            c
            for run in by_age
            for c in run.extras.cascades
            if stands(c.small, run) and stands(c.large, run)
        ),
        controls=tuple(
            c for run in by_age for c in run.extras.controls if stands(c.candidate, run)
        ),
        probes={
            name: probes
            for run in by_age
            for name, probes in run.extras.probes.items()
            if stands(name, run)
        },
        data=by_age[-1].extras.data,
        failures=tuple(
            f for run in by_age for f in run.extras.failures if f.candidate not in source
        ),
    )
