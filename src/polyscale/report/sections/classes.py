"""Class by class: what several scales gain, and what is taken for what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from polyscale.records import ClassIous, Gain
from polyscale.report.numbers import interval_limit
from polyscale.report.render import render
from polyscale.report.run import Images, Run, Statistics
from polyscale.report.sides import Role, Sides, sides_of
from polyscale.stats import score_interval

FEW_IMAGES = 30
FEW_SHARE = 0.001
"""A class on fewer test images, or with a smaller share of their pixels, says little alone."""
NUM_RESAMPLES = 2000
MAX_ROWS = 40
MAX_MATRIX = 20
MAX_MISTAKES = 5


@dataclass(frozen=True, kw_only=True)
class ClassRow:
    """A class: what there is of it, its value by role, the gains over the other roles.

    Attributes:
        name: of the class.
        num_images: test images that show it.
        px_share: its share of the judged pixels, where classes are of pixels.
        is_few: whether there is too little of it to speak alone.
        values: accuracy or IoU of each role; None where the class is on no test image.
        gains: of the several scales, with 95 % intervals.
        alone: images that only the several scales get right, and that only the other does.
    """

    name: str
    num_images: int
    px_share: float | None
    is_few: bool
    values: tuple[float | None, ...]
    gains: tuple[Gain | None, ...]
    alone: tuple[tuple[int, int] | None, ...]


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """Test images of a class that a candidate takes for another."""

    label: str
    prediction: str
    count: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Confusion:
    """What a candidate takes for what.

    Attributes:
        candidate: whose answers.
        counts: of images, rows the true class, columns the answer; None where there are too many
            classes to show.
        mistakes: the most frequent ones.
    """

    candidate: str
    counts: NDArray[np.int64] | None
    mistakes: tuple[Mistake, ...]


@dataclass(frozen=True, kw_only=True)
class ClassPage:
    """A family class by class.

    Attributes:
        sides: its candidates.
        rows: the largest gain first.
        num_hidden: rows in the middle that are left out.
        limit: where the axis of gains ends.
        classes: names of the rows and columns of the matrices.
        confusions: of the several scales, and of what they stand against.
    """

    sides: Sides
    rows: tuple[ClassRow, ...]
    num_hidden: int
    limit: float
    classes: tuple[str, ...] = ()
    confusions: tuple[Confusion, ...] = ()


def classes_section(run: Run) -> Markup | None:
    """By the true class of an image, or by the classes of its pixels."""
    pages = class_pages(run)
    if not pages:
        return None
    return render("classes.html", run=run, pages=pages, few_images=FEW_IMAGES, few_share=FEW_SHARE)


def class_pages(run: Run) -> list[ClassPage]:
    """One for each candidate with several scales that the report is about."""
    if run.images.labels is not None:
        return [_answers_page(run.images, sides) for sides in sides_of(run)]
    if run.classes is not None:
        return [_pixels_page(run, run.classes, sides) for sides in sides_of(run)]
    return []


def _answers_page(images: Images, sides: Sides) -> ClassPage:
    assert images.labels is not None
    correct = images.correct
    # what is said may be a class without test images
    classes = tuple(sorted(set(images.labels).union(*map(set, images.predictions.values()))))
    rows = []
    for name in sorted(set(images.labels)):
        of_class = images.labels == name
        right = {role.candidate: correct[role.candidate][of_class] for role in sides.roles}
        pairs = [_paired(right, sides.s2, role) for role in sides.others if sides.s2]
        num = int(of_class.sum())
        rows.append(
            ClassRow(
                name=name,
                num_images=num,
                px_share=None,
                is_few=num < FEW_IMAGES,
                values=tuple(float(right[role.candidate].mean()) for role in sides.roles),
                gains=tuple(gain for gain, _ in pairs),
                alone=tuple(alone for _, alone in pairs),
            )
        )
    against = [role for role in (sides.s2, *sides.others[-1:]) if role] or sides.roles[:1]
    confusions = tuple(_confusion(images, role.candidate, classes) for role in against)
    return _page(rows, sides, classes=classes, confusions=confusions)


def _pixels_page(run: Run, classes: ClassIous, sides: Sides) -> ClassPage:
    total = max(1, sum(classes.test_px))
    statistics = run.images.statistics
    can_resample = run.task.reduction == "mean_iou"
    gains = [
        _iou_gains(statistics[sides.s2.candidate], statistics[role.candidate], run.seed)
        if can_resample
        else [None] * len(classes.names)
        for role in sides.others
        if sides.s2
    ]
    rows = [
        ClassRow(
            name=name,
            num_images=classes.test_images[i],
            px_share=classes.test_px[i] / total,
            is_few=classes.test_images[i] < FEW_IMAGES or classes.test_px[i] < FEW_SHARE * total,
            values=tuple(classes.iou[role.candidate][i] for role in sides.roles),
            gains=tuple(gain[i] for gain in gains),
            alone=(None,) * len(gains),
        )
        for i, name in enumerate(classes.names)
    ]
    return _page([row for row in rows if any(v is not None for v in row.values)], sides)


def _page(
    rows: list[ClassRow],
    sides: Sides,
    classes: tuple[str, ...] = (),
    confusions: tuple[Confusion, ...] = (),
) -> ClassPage:
    rows.sort(key=_order)
    half = MAX_ROWS // 2
    num_hidden = max(0, len(rows) - MAX_ROWS)
    ends = [end for row in rows for g in row.gains if g for end in (g.ci_low, g.ci_high)]
    return ClassPage(
        sides=sides,
        rows=tuple(rows[:half] + rows[-half:] if num_hidden else rows),
        num_hidden=num_hidden,
        limit=min(1.0, interval_limit(ends, 0.1)),
        classes=classes,
        confusions=confusions,
    )


def _order(row: ClassRow) -> float:
    """The largest gain over the last role first; without any gain, the largest value."""
    if row.gains:
        return 2.0 if row.gains[-1] is None else -row.gains[-1].difference
    return -(row.values[0] or 0)


def _paired(
    right: Mapping[str, NDArray[np.bool_]], s2: Role, other: Role
) -> tuple[Gain, tuple[int, int]]:
    """On the images of one class, with Tango's score interval."""
    first, second = right[s2.candidate], right[other.candidate]
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    low, high = score_interval(only_first, only_second, len(first))
    return Gain((only_first - only_second) / len(first), low, high), (only_first, only_second)


def _confusion(images: Images, candidate: str, classes: Sequence[str]) -> Confusion:
    index = {name: i for i, name in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    assert images.labels is not None
    said = images.predictions[candidate]
    np.add.at(counts, ([index[n] for n in images.labels], [index[n] for n in said]), 1)
    mistaken = counts - np.diag(np.diag(counts))
    order = np.argsort(-mistaken, axis=None, kind="stable")[:MAX_MISTAKES]
    pairs = [divmod(int(i), len(classes)) for i in order if mistaken.flat[i]]
    return Confusion(
        candidate=candidate,
        counts=counts if len(classes) <= MAX_MATRIX else None,
        mistakes=tuple(
            Mistake(label=classes[i], prediction=classes[j], count=int(mistaken[i, j]))
            for i, j in pairs
        ),
    )


def _iou_gains(first: Statistics, second: Statistics, seed: int) -> list[Gain | None]:
    """IoU of each class less the other's, with a paired bootstrap over images."""
    even = np.full(len(first), 1 / len(first))
    drawn = np.random.default_rng(seed).multinomial(len(first), even, size=NUM_RESAMPLES)
    whole = _iou(first.sum(axis=0)[None])[0] - _iou(second.sum(axis=0)[None])[0]
    differences = _iou(drawn @ first) - _iou(drawn @ second)
    gains: list[Gain | None] = []
    for value, resampled in zip(whole, differences.T, strict=True):
        known = resampled[~np.isnan(resampled)]  # resamples that show the class
        if np.isnan(value) or not len(known):
            gains.append(None)
            continue
        low, high = np.quantile(known, [0.025, 0.975])
        gains.append(Gain(float(value), float(low), float(high)))
    return gains


def _iou(sums: Statistics) -> NDArray[np.float64]:
    """Sums over images (resamples, 2 · classes) → (resamples, classes), NaN without pixels."""
    intersection, union = np.split(sums.astype(np.float64), 2, axis=1)
    return np.divide(intersection, union, out=np.full_like(union, np.nan), where=union > 0)
