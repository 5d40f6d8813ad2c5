"""Merges several runs into one, if they answer the same question."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from polyscale.records import Contrast, Floor, Reconstruction, Result
from polyscale.report.run import Images, MapImage, Run
from polyscale.stats import (
    MARGIN,
    REDUCTIONS,
    corrected_contrasts,
    image_contrasts,
    judge,
    paired_contrasts,
    paired_errors,
    recommend,
)

SHARED = ("data", "task", "metric", "source")
FINGERPRINTS = {"train_fingerprint": "train images", "test_fingerprint": "test images"}
SETTINGS = {
    "train_targets": "train targets",
    "test_targets": "test targets",
    "head": "head",
    "views": "views",
}
"""Settings that runs must share where any of them has them, and what they are called."""

ALONE = {
    "reconstruction": "reconstruction",
    "repeats": "repeats on other draws of the images",
    "capacity": "capacity",
}
"""What cannot be computed again from the images, and what it is called."""


def row_differences(rows: Sequence[Result]) -> list[str]:
    """What keeps rows from being compared, as names; empty where nothing does.

    A fingerprint that a row does not have counts as different: nothing tells that the images are
    the same.
    """
    names = [name for name in SHARED if len({getattr(row, name) for row in rows}) > 1]
    for name, words in (FINGERPRINTS | SETTINGS).items():
        values = [row.settings.get(name) for row in rows]
        is_unknown = None in values and (name in FINGERPRINTS or any(v is not None for v in values))
        if is_unknown or len(set(map(str, values))) > 1:
            names.append(words)
    return names


def differences(runs: Sequence[Run]) -> list[str]:
    """What keeps runs from sharing contrasts, as names; empty where nothing does."""
    names = row_differences([run.results[0] for run in runs])
    same = all(_same_images(run, runs[0]) for run in runs)
    return names if same or "test images" in names else [*names, "test images"]


def cannot_merge(runs: Sequence[Run]) -> str:
    """Why runs stand side by side, as sentences; empty where they can be merged."""
    names = differences(runs)
    if names:
        advice = ""
        if names == ["metric"]:
            advice = (
                " To compare them, run one of them again with the --metric of the other: its "
                "features are kept."
            )
        return (
            f"These runs differ in {', '.join(names)}. They are shown side by side and not "
            f"compared, because a difference could have causes other than the models.{advice}"
        )
    task = runs[0].task
    if not task.right_or_wrong and task.reduction is None:
        return (
            f"Runs of {task.task} cannot be merged: their metric is not a mean over images. They "
            "are shown side by side and not compared."
        )
    return ""


def merge(runs: Sequence[Run]) -> Run:
    """One run of all candidates, its contrasts and verdicts computed again from the images.

    If a candidate is in several runs, its newest row is taken. The runs must be ones that can be
    merged.
    """
    by_age = sorted(runs, key=_age)
    newest = by_age[-1]
    source = {result.candidate: run for run in by_age for result in run.results}
    names = list(dict.fromkeys(r.candidate for run in runs for r in run.results))
    results = tuple(source[name].rows[name] for name in names)
    images = _images({name: source[name].images for name in names})
    margins = {c.margin for run in runs for c in run.contrasts}
    margin = margins.pop() if len(margins) == 1 else MARGIN
    contrasts = corrected_contrasts(results, _contrasts(images, runs[0], margin))
    selection = tuple(
        gap
        for run in by_age
        for gap in run.selection
        if source[gap.first] is run is source[gap.second]
    )
    errors = paired_errors(selection, contrasts)
    addons = _addons(by_age, source) | _reconstruction(by_age, source)
    floors = [floor for floor in addons["floors"] if floor.covers(names)]
    advice = None
    if newest.task.held_out:
        advice = recommend(results, contrasts, errors, metric=newest.task.metric, floors=floors)
    return Run(
        folder=", ".join(run.folder for run in runs),
        task=newest.task,
        results=results,
        contrasts=tuple(contrasts),
        verdicts=tuple(judge(results, contrasts)),
        selection=selection,
        recommendation=advice,
        images=images,
        pictures=tuple({p.id: p for run in by_age for p in run.pictures}.values()),
        maps=_maps(by_age, source),
        questions=newest.questions,
        answers={name: source[name].answers.get(name, {}) for name in names},
        date=newest.date,
        notes=(
            _origin(runs),
            *_replaced(by_age, names, source),
            *_left_out(by_age, addons["reconstruction"]),
        ),
        data=newest.data,
        sheet=newest.sheet,
        **_class_files(by_age, source),
        **addons,
    )


def _same_images(run: Run, first: Run) -> bool:
    def targets(one: Run) -> tuple[object, ...]:
        classes = (one.classes.names, one.classes.test_px) if one.classes else ()
        return (one.images.labels is None, *classes)

    labels, others = run.images.labels, first.images.labels
    if targets(run) != targets(first) or not np.array_equal(run.images.ids, first.images.ids):
        return False
    return labels is None or others is None or np.array_equal(labels, others)


def _images(by_name: Mapping[str, Images]) -> Images:
    """For each candidate what its own run holds."""

    def of_each(kind: str) -> dict[str, Any]:
        held = {name: getattr(images, kind) for name, images in by_name.items()}
        return {name: own[name] for name, own in held.items() if own}

    return replace(
        next(iter(by_name.values())),
        statistics=of_each("statistics"),
        predictions=of_each("predictions"),
        correct=of_each("correct"),
        probability=of_each("probability"),
        confidence=of_each("confidence"),
    )


def _contrasts(images: Images, first: Run, margin: float) -> list[Contrast]:
    """Every pair of candidates, from what each does on each image."""
    task, seed = first.task, first.seed
    if not task.right_or_wrong:
        assert task.reduction is not None
        reduce = REDUCTIONS[task.reduction]
        return image_contrasts(images.known, reduce, metric=task.metric, margin=margin, seed=seed)
    contrasts = paired_contrasts(images.correct, margin=margin)
    return [replace(contrast, metric=task.metric.key) for contrast in contrasts]


def _age(run: Run) -> tuple[str, float]:
    """By the day that the run names, and within a day by its file."""
    return run.date, (Path(run.folder) / "results.json").stat().st_mtime


def _origin(runs: Sequence[Run]) -> str:
    names = ", ".join(f"{run.folder} ({run.date})" for run in runs)
    return (
        f"Merged from {names}. Differences and verdicts were computed again from what each "
        "candidate does on the shared test images. Times and memory of runs on different machines "
        "can’t be compared."
    )


def _replaced(by_age: Sequence[Run], names: Sequence[str], source: Mapping[str, Run]) -> list[str]:
    """For each run whose rows took the place of older ones: which."""
    counts = Counter(result.candidate for run in by_age for result in run.results)
    repeated: dict[str, list[str]] = {}
    for name in names:
        if counts[name] > 1:
            repeated.setdefault(source[name].folder, []).append(name)
    return [
        f"In several of the runs: {', '.join(own)}. The newest, of {folder}, "
        f"{'is' if len(own) == 1 else 'are'} shown."
        for folder, own in repeated.items()
    ]


def _maps(by_age: Sequence[Run], source: Mapping[str, Run]) -> tuple[MapImage, ...]:
    """Each image once; of candidates whose run did not keep it there is no prediction."""
    merged: dict[str, MapImage] = {}
    for origin, image in ((run, image) for run in by_age for image in run.maps):
        known = merged.get(image.id)
        predicted = {n: target for n, target in image.predicted.items() if source[n] is origin}
        scores = {name: image.scores[name] for name in predicted}
        if known:
            predicted = {**known.predicted, **predicted}
            scores = {**known.scores, **scores}
        merged[image.id] = replace(image, predicted=predicted, scores=scores)
    return tuple(sorted(merged.values(), key=lambda image: -len(image.predicted)))


def _class_files(by_age: Sequence[Run], source: Mapping[str, Run]) -> dict[str, Any]:
    """What `classes.json` and `sizes.json` hold, where every run has them.

    Differences by size stay for pairs whose rows are of one run.
    """
    files: dict[str, Any] = {}
    for file in ("classes", "sizes"):
        if all(getattr(run, file) for run in by_age):
            iou = {name: getattr(run, file).iou[name] for name, run in source.items()}
            files[file] = replace(getattr(by_age[-1], file), iou=iou)
    if "sizes" in files:
        contrasts = [(c, run) for run in by_age if run.sizes for c in run.sizes.contrasts]
        kept = (c for c, run in contrasts if source.get(c.first) is run is source.get(c.second))
        files["sizes"] = replace(files["sizes"], contrasts=tuple(kept))
    return files


def _reconstruction(by_age: Sequence[Run], source: Mapping[str, Run]) -> dict[str, Any]:
    """The newest whose candidates all have their rows from its run."""
    for run in reversed(by_age):
        found = run.reconstruction
        if found and all(source[row.candidate] is run for row in found.rows):
            return {"reconstruction": found, "residuals": run.residuals}
    return {"reconstruction": None}


def _left_out(by_age: Sequence[Run], shown: Reconstruction | None) -> list[str]:
    """For each run what its own page shows and this one does not."""
    notes = []
    for run in by_age:
        own = {name: getattr(run, name) for name in ALONE}
        missing = [ALONE[name] for name, found in own.items() if found and found is not shown]
        if missing:
            notes.append(f"Only the page of {run.folder} itself shows its {', '.join(missing)}.")
    return notes


def _addons(by_age: Sequence[Run], source: Mapping[str, Run]) -> dict[str, Any]:
    """What each run found besides its rows, for the rows that are taken from it."""
    addons: dict[str, Any] = {"cascades": (), "controls": (), "hard": (), "failures": ()}
    addons |= {"hard_pictures": {}, "probes": {}}
    floors: dict[str, Floor] = {}
    for run in by_age:
        kept = {name for name, origin in source.items() if origin is run}
        addons["cascades"] += tuple(c for c in run.cascades if {c.small, c.large} <= kept)
        addons["controls"] += tuple(c for c in run.controls if c.candidate in kept)
        addons["hard"] += tuple(h for h in run.hard if {h.base, h.s2, h.larger} <= kept)
        addons["hard_pictures"] |= run.hard_pictures
        addons["probes"] |= {n: probes for n, probes in run.probes.items() if n in kept}
        for floor in run.floors:
            before = floors[floor.name].contrasts if floor.name in floors else ()
            own = tuple(c for c in floor.contrasts if c.first in kept)
            floors[floor.name] = replace(floor, contrasts=before + own)
        addons["failures"] += tuple(f for f in run.failures if f.candidate not in source)
    return {**addons, "floors": tuple(floors.values())}
