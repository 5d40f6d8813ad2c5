"""Several runs as one, where they answer the same question."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from polyscale.report.dense.merge import DENSE_SETTINGS, dense_contrasts, merge_dense, same_targets
from polyscale.report.extras import Extras
from polyscale.report.predictions import Predictions
from polyscale.report.read import Picture, Run, answers_at
from polyscale.stats import MARGIN, corrected_contrasts, judge, paired_contrasts

SHARED = ("data", "task", "metric", "source")
FINGERPRINTS = {"train_fingerprint": "train images", "test_fingerprint": "test images"}


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
    dense = any(run.dense for run in runs)
    for name, words in (FINGERPRINTS | (DENSE_SETTINGS if dense else {})).items():
        prints = [r.results[0].settings.get(name) for r in runs]
        if None in prints or len(set(map(str, prints))) > 1:
            found.append(words)
    same = all(_same_images(run, first) for run in runs)
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
    predictions = _predictions(names, source)
    dense = merge_dense(
        [run.dense for run in by_age if run.dense],
        {name: run.dense for name, run in source.items() if run.dense},
        names,
    )
    margins = {c.margin for run in runs for c in run.contrasts}
    margin = margins.pop() if len(margins) == 1 else MARGIN
    seed = int(results[0].settings.get("seed", 0))
    if dense:
        found = dense_contrasts(dense.answers, results[0].metric, margin=margin, seed=seed)
    else:
        assert predictions is not None
        found = paired_contrasts(dict(predictions.correct), margin=margin, seed=seed)
    contrasts = corrected_contrasts(results, found)
    return Run(
        folder=", ".join(run.folder for run in runs),
        results=results,
        contrasts=tuple(contrasts),
        verdicts=tuple(judge(results, contrasts)),
        predictions=predictions,
        pictures=_pictures(by_age, predictions) if predictions else (),
        dense=dense,
        date=by_age[-1].date,
        extras=_extras(by_age, source),
        notes=(_origin(runs), *_replaced(by_age, names, source)),
    )


def _same_images(run: Run, first: Run) -> bool:
    if run.dense and first.dense:
        return same_targets(run.dense, first.dense)
    if not run.predictions or not first.predictions:
        return False
    return np.array_equal(run.predictions.ids, first.predictions.ids) and np.array_equal(
        run.predictions.labels, first.predictions.labels
    )


def _predictions(names: Sequence[str], source: Mapping[str, Run]) -> Predictions | None:
    """Those of each candidate's own run; None for targets of pixels."""
    own = {name: found for name in names if (found := source[name].predictions)}
    if not own:
        return None
    return Predictions(
        ids=own[names[0]].ids,
        labels=own[names[0]].labels,
        said={n: p.said[n] for n, p in own.items()},
        probability={n: p.probability[n] for n, p in own.items()},
        correct={n: p.correct[n] for n, p in own.items()},
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
    taken = Counter(result.candidate for run in by_age for result in run.results)
    repeated = [name for name in names if taken[name] > 1]
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
