"""Runs of segmentation or depth as one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from polyscale.records import METRICS, Contrast
from polyscale.report.dense.answers import DenseAnswers
from polyscale.report.dense.gallery_file import DensePicture
from polyscale.report.dense.run_files import Dense
from polyscale.report.dense.tables import Classes, Sizes
from polyscale.stats import image_contrasts, mean_iou, mean_of_images

DENSE_SETTINGS = {
    "train_targets": "train targets",
    "test_targets": "test targets",
    "head": "head",
    "views": "views",
}
"""Settings that runs must share besides those of all tasks, and what they are called."""


def same_targets(one: Dense, other: Dense) -> bool:
    """Whether two runs were judged on the same images, and the same classes of them."""
    return np.array_equal(one.answers.ids, other.answers.ids) and _targets(one) == _targets(other)


def dense_contrasts(
    answers: DenseAnswers, metric: str, *, margin: float, seed: int
) -> list[Contrast]:
    """Every pair of candidates, from what each is worth on each image.

    Args:
        answers: to the test images.
        metric: `miou` or `rmse`.
        margin: in its unit; a smaller difference counts as none.
        seed: of the resampling.
    """
    over_images = mean_iou if metric == "miou" else mean_of_images
    return image_contrasts(
        answers.judged, over_images, metric=METRICS[metric], margin=margin, seed=seed
    )


def merge_dense(
    by_age: Sequence[Dense], source: Mapping[str, Dense], names: Sequence[str]
) -> Dense | None:
    """What runs hold besides their rows; None where none holds anything.

    Args:
        by_age: the runs, the newest last.
        source: the run whose row of a candidate stands.
        names: of all candidates.
    """
    if not by_age:
        return None
    newest = by_age[-1]
    statistics = {name: source[name].answers.statistics[name] for name in names}
    return Dense(
        answers=DenseAnswers(ids=newest.answers.ids, statistics=statistics),
        pictures=_pictures(by_age, source),
        classes=_classes(newest.classes, source),
        sizes=_sizes(newest.sizes, by_age, source),
    )


def _pictures(by_age: Sequence[Dense], source: Mapping[str, Dense]) -> tuple[DensePicture, ...]:
    """Each picture once; of candidates whose run did not keep it there is no prediction."""
    found: dict[str, DensePicture] = {}
    for run in by_age:
        for picture in run.pictures:
            own = {n: p for n, p in picture.predicted.items() if source[n] is run}
            known = found[picture.id].predicted if picture.id in found else {}
            found[picture.id] = replace(picture, predicted={**known, **own})
    return tuple(sorted(found.values(), key=lambda picture: -len(picture.predicted)))


def _classes(newest: Classes | None, source: Mapping[str, Dense]) -> Classes | None:
    iou = {name: run.classes.iou[name] for name, run in source.items() if run.classes}
    return newest and replace(newest, iou=iou)


def _sizes(
    newest: Sizes | None, by_age: Sequence[Dense], source: Mapping[str, Dense]
) -> Sizes | None:
    """Differences stay of pairs whose rows are of one run."""
    iou = {name: run.sizes.iou[name] for name, run in source.items() if run.sizes}
    gains = {
        pair: bins
        for run in by_age
        if run.sizes
        for pair, bins in run.sizes.gains.items()
        if all(source.get(name) is run for name in pair)
    }
    return newest and replace(newest, iou=iou, gains=gains)


def _targets(run: Dense) -> tuple[object, ...]:
    return (run.classes.names, run.classes.test_px) if run.classes else ()
