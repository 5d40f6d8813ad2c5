"""Several runs as one, where they answer the same question."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from polyscale.records import ClassIous, Contrast, Sizes, TaskRecord
from polyscale.report.read_gallery import answers
from polyscale.report.run import Images, MapImage, Picture, Run
from polyscale.stats import (
    MARGIN,
    corrected_contrasts,
    image_contrasts,
    judge,
    mean_iou,
    mean_of_images,
    paired_contrasts,
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
REDUCTIONS = {"mean": mean_of_images, "mean_iou": mean_iou}


def differences(runs: Sequence[Run]) -> list[str]:
    """What keeps runs from sharing contrasts, as names; empty where nothing does.

    A fingerprint that a run does not have counts as different: nothing tells that the images are
    the same.
    """
    first = runs[0].results[0]
    found = [
        name
        for name in SHARED
        if any(getattr(run.results[0], name) != getattr(first, name) for run in runs)
    ]
    for name, words in (FINGERPRINTS | SETTINGS).items():
        values = [run.results[0].settings.get(name) for run in runs]
        is_unknown = None in values and (name in FINGERPRINTS or any(v is not None for v in values))
        if is_unknown or len(set(map(str, values))) > 1:
            found.append(words)
    same = all(_same_images(run, runs[0]) for run in runs)
    return found if same or "test images" in found else [*found, "test images"]


def cannot_merge(runs: Sequence[Run]) -> str:
    """Why runs stand side by side, as sentences; empty where they can be merged."""
    apart = differences(runs)
    if apart:
        return (
            f"These runs differ in {', '.join(apart)}. They stand side by side and are not "
            "compared: a difference between them would not be one between models."
        )
    if not runs[0].task.right_or_wrong and runs[0].task.reduction is None:
        return (
            f"Runs of {runs[0].task.task} cannot be merged: their metric is not a mean over "
            "images. They stand side by side and are not compared."
        )
    return ""


def merge(runs: Sequence[Run]) -> Run:
    """One run of all candidates, its contrasts and verdicts computed anew from the images.

    Of a candidate that is in several, the newest row stands.

    Args:
        runs: that can be merged.
    """
    by_age = sorted(runs, key=_age)
    newest = by_age[-1]
    source = {result.candidate: run for run in by_age for result in run.results}
    names = list(dict.fromkeys(r.candidate for run in runs for r in run.results))
    rows = {r.candidate: r for run in runs for r in run.results if source[r.candidate] is run}
    results = tuple(rows[name] for name in names)
    images = _images(names, source)
    margins = {c.margin for run in runs for c in run.contrasts}
    margin = margins.pop() if len(margins) == 1 else MARGIN
    raw = _contrasts(images, newest.task, margin=margin, seed=runs[0].seed)
    contrasts = corrected_contrasts(results, raw)
    return Run(
        folder=", ".join(run.folder for run in runs),
        task=newest.task,
        results=results,
        contrasts=tuple(contrasts),
        verdicts=tuple(judge(results, contrasts)),
        images=images,
        pictures=_pictures(by_age, images),
        maps=_maps(by_age, source),
        classes=_classes(newest.classes, source),
        sizes=_sizes(newest.sizes, by_age, source),
        date=newest.date,
        notes=(_origin(runs), *_replaced(by_age, names, source)),
        data=newest.data,
        **_addons(by_age, source),
    )


def _same_images(run: Run, first: Run) -> bool:
    def targets(one: Run) -> tuple[object, ...]:
        return (one.classes.names, one.classes.test_px) if one.classes else ()

    own, other = run.images, first.images
    if (own.labels is None) != (other.labels is None) or targets(run) != targets(first):
        return False
    if own.labels is not None and not np.array_equal(own.labels, other.labels):  # type: ignore[arg-type]
        return False
    return np.array_equal(own.ids, other.ids)


def _images(names: Sequence[str], source: Mapping[str, Run]) -> Images:
    """Of each candidate what its own run holds."""
    own = {name: source[name].images for name in names}
    return replace(
        own[names[0]],
        statistics={name: images.statistics[name] for name, images in own.items()},
        predictions={n: i.predictions[n] for n, i in own.items() if i.predictions},
        probability={n: i.probability[n] for n, i in own.items() if i.probability},
    )


def _contrasts(images: Images, task: TaskRecord, *, margin: float, seed: int) -> list[Contrast]:
    """Every pair of candidates, from what each does on each image."""
    if not task.right_or_wrong:
        assert task.reduction is not None
        reduce = REDUCTIONS[task.reduction]
        return image_contrasts(images.known, reduce, metric=task.metric, margin=margin, seed=seed)
    found = paired_contrasts(images.correct, margin=margin, seed=seed)
    return [replace(c, metric=task.metric.key) for c in found]


def _age(run: Run) -> tuple[str, float]:
    """By the day that the run names, and within a day by its file."""
    return run.date, (Path(run.folder) / "results.json").stat().st_mtime


def _origin(runs: Sequence[Run]) -> str:
    names = ", ".join(f"{run.folder} ({run.date})" for run in runs)
    return (
        f"Merged from {names}. Differences and verdicts were computed anew from what each "
        "candidate does on the shared test images. Time and memory of runs on different machines "
        "don’t compare."
    )


def _replaced(by_age: Sequence[Run], names: Sequence[str], source: Mapping[str, Run]) -> list[str]:
    """For each run whose rows took the place of older ones: which."""
    taken = Counter(result.candidate for run in by_age for result in run.results)
    newest: dict[str, list[str]] = {}
    for name in names:
        if taken[name] > 1:
            newest.setdefault(source[name].folder, []).append(name)
    return [
        f"In several of the runs: {', '.join(repeated)}. The newest, of {folder}, "
        f"{'is' if len(repeated) == 1 else 'are'} shown."
        for folder, repeated in newest.items()
    ]


def _pictures(by_age: Sequence[Run], images: Images) -> tuple[Picture, ...]:
    """Each picture once, with the answers of all candidates."""
    index = {id_: i for i, id_ in enumerate(images.ids)}
    found = {picture.id: picture for run in by_age for picture in run.pictures}
    return tuple(replace(p, answers=answers(images, index[id_])) for id_, p in found.items())


def _maps(by_age: Sequence[Run], source: Mapping[str, Run]) -> tuple[MapImage, ...]:
    """Each image once; of candidates whose run did not keep it there is no prediction."""
    found: dict[str, MapImage] = {}
    for run in by_age:
        for image in run.maps:
            own = {n: p for n, p in image.predicted.items() if source[n] is run}
            known = found[image.id].predicted if image.id in found else {}
            found[image.id] = replace(image, predicted={**known, **own})
    return tuple(sorted(found.values(), key=lambda image: -len(image.predicted)))


def _classes(newest: ClassIous | None, source: Mapping[str, Run]) -> ClassIous | None:
    iou = {name: run.classes.iou[name] for name, run in source.items() if run.classes}
    return replace(newest, iou=iou) if newest and len(iou) == len(source) else None


def _sizes(newest: Sizes | None, by_age: Sequence[Run], source: Mapping[str, Run]) -> Sizes | None:
    """Differences stay of pairs whose rows are of one run."""
    iou = {name: run.sizes.iou[name] for name, run in source.items() if run.sizes}
    if newest is None or len(iou) < len(source):
        return None
    contrasts = tuple(
        own
        for run in by_age
        if run.sizes
        for own in run.sizes.contrasts
        if source.get(own.first) is run and source.get(own.second) is run
    )
    return replace(newest, iou=iou, contrasts=contrasts)


def _addons(by_age: Iterable[Run], source: Mapping[str, Run]) -> dict[str, Any]:
    """Of each run what belongs to its own rows."""
    found: dict[str, Any] = {"cascades": (), "controls": (), "probes": {}, "failures": ()}
    for run in by_age:
        kept = {name for name, own in source.items() if own is run}
        found["cascades"] += tuple(c for c in run.cascades if {c.small, c.large} <= kept)
        found["controls"] += tuple(c for c in run.controls if c.candidate in kept)
        found["probes"] |= {n: probes for n, probes in run.probes.items() if n in kept}
        found["failures"] += tuple(f for f in run.failures if f.candidate not in source)
    return found
