"""Class by class: what several scales gain, and which classes are mistaken for which."""

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from polyscale.records import ClassIous, Gain
from polyscale.report.numbers import interval_limit
from polyscale.report.render import render
from polyscale.report.run import Images, Run, Statistics, Texts
from polyscale.report.sides import Sides, sides_of
from polyscale.stats import RightShare, score_interval

FEW_IMAGES = 30
FEW_SHARE = 0.001
"""A class on fewer test images, or with a smaller share of their pixels, says little alone."""
NUM_RESAMPLES = 2000
MAX_ROWS = 40
MAX_MATRIX = 20
MAX_MISTAKES = 5


@dataclass(frozen=True, kw_only=True)
class ClassRow:
    """A class: what there is of it, and its accuracy or IoU.

    `values` has one value for each role, None if no test image shows the class. `gains` has the
    gain of the several scales over each other role. `alone` counts the images that only the several
    scales get right, and those that only the other role gets right.
    """

    name: str
    num_images: int
    px_share: float | None = None  # of the judged pixels
    is_few: bool
    values: tuple[float | None, ...]
    gains: tuple[Gain | None, ...]
    alone: tuple[tuple[int, int] | None, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Confusion:
    """Which classes a candidate mistakes for which, in numbers of images."""

    candidate: str
    counts: NDArray[np.int64] | None  # (true class, predicted class); None with many classes
    mistakes: tuple[tuple[str, str, int], ...]  # true class, predicted class, images


@dataclass(frozen=True, kw_only=True)
class ClassPage:
    """A family class by class."""

    sides: Sides
    rows: tuple[ClassRow, ...]  # the largest gain first
    num_hidden: int  # rows in the middle that are left out
    limit: float  # where the axis of gains ends
    classes: Texts  # of the rows and columns of the matrices
    confusions: tuple[Confusion, ...]


def classes_section(run: Run) -> Markup | None:
    """By the true class of an image, or by the classes of its pixels."""
    pages = class_pages(run)
    if not pages:
        return None
    shares = kind_shares(run.images) if run.images.categories is not None else {}
    return render(
        "classes.html",
        run=run,
        pages=pages,
        few_images=FEW_IMAGES,
        few_share=FEW_SHARE,
        shares=shares,
    )


def kind_shares(images: Images) -> dict[str, dict[str, RightShare]]:
    """The right answers of every candidate: kind of question → candidate → share."""
    return {
        kind: {name: RightShare.of(right[own]) for name, right in images.correct.items()}
        for kind, own in images.groups.items()
    }


def class_pages(run: Run) -> list[ClassPage]:
    """One for each candidate with several scales that the report is about."""
    if run.questions or (not run.images.groups and run.classes is None):
        return []
    return [_page(run, sides) for sides in sides_of(run)]


def _page(run: Run, sides: Sides) -> ClassPage:
    classes, confusions = np.array([], dtype=object), tuple[Confusion, ...]()
    if run.classes is not None:
        rows = _pixel_rows(run, run.classes, sides)
    else:
        rows = _answer_rows(run.images, sides)
    if run.images.labels is not None:
        # a prediction may be a class without test images
        classes = np.unique(np.concatenate([run.images.labels, *run.images.predictions.values()]))
        against = [role for role in (sides.s2, *sides.others[-1:]) if role] or sides.roles[:1]
        confusions = tuple(_confusion(run.images, role.candidate, classes) for role in against)
    rows.sort(key=_order)
    half = MAX_ROWS // 2
    num_hidden = max(0, len(rows) - MAX_ROWS)
    gains = ((gain.ci_low, gain.ci_high) for row in rows for gain in row.gains if gain)
    return ClassPage(
        sides=sides,
        rows=tuple(rows[:half] + rows[-half:] if num_hidden else rows),
        num_hidden=num_hidden,
        limit=min(1.0, interval_limit(gains, 0.1)),
        classes=classes,
        confusions=confusions,
    )


def _answer_rows(images: Images, sides: Sides) -> list[ClassRow]:
    rows = []
    for name, of_class in images.groups.items():
        right = {role.candidate: images.correct[role.candidate][of_class] for role in sides.roles}
        others = [right[role.candidate] for role in sides.others]
        pairs = [_paired_gain(right[sides.s2.candidate], other) for other in others if sides.s2]
        num = len(of_class)
        rows.append(
            ClassRow(
                name=name,
                num_images=num,
                is_few=num < FEW_IMAGES,
                values=tuple(float(right[role.candidate].mean()) for role in sides.roles),
                gains=tuple(gain for gain, _ in pairs),
                alone=tuple(alone for _, alone in pairs),
            )
        )
    return rows


def _pixel_rows(run: Run, classes: ClassIous, sides: Sides) -> list[ClassRow]:
    """Without those of classes that are on no test image."""
    total = max(1, sum(classes.test_px))
    statistics = run.images.statistics
    gains: list[list[Gain | None]] = [[None] * len(classes.names) for _ in sides.others]
    if run.task.counts_classes and sides.s2:
        first = statistics[sides.s2.candidate]
        gains = [_iou_gains(first, statistics[r.candidate], run.seed) for r in sides.others]
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
    return [row for row in rows if any(value is not None for value in row.values)]


def _order(row: ClassRow) -> float:
    """The largest gain over the last role first; without any gain, the largest value."""
    if row.gains:
        return 2.0 if row.gains[-1] is None else -row.gains[-1].difference
    return -(row.values[0] or 0)


def _paired_gain(
    first: NDArray[np.bool_], second: NDArray[np.bool_]
) -> tuple[Gain, tuple[int, int]]:
    """On the images of one class, with Tango's score interval; and images only one gets right."""
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    low, high = score_interval(only_first, only_second, len(first))
    return Gain((only_first - only_second) / len(first), low, high), (only_first, only_second)


def _confusion(images: Images, candidate: str, classes: Texts) -> Confusion:
    truth, said = (
        np.searchsorted(classes, names)  # type: ignore[arg-type]
        for names in (images.labels, images.predictions[candidate])
    )
    num = len(classes)
    counts = np.bincount(truth * num + said, minlength=num**2).reshape(num, num)
    mistaken = counts - np.diag(np.diag(counts))
    order = np.argsort(-mistaken, axis=None, kind="stable")[:MAX_MISTAKES]
    pairs = [divmod(int(i), num) for i in order if mistaken.flat[i]]
    return Confusion(
        candidate=candidate,
        counts=counts if num <= MAX_MATRIX else None,
        mistakes=tuple((classes[i], classes[j], int(mistaken[i, j])) for i, j in pairs),
    )


def _iou_gains(first: Statistics, second: Statistics, seed: int) -> list[Gain | None]:
    """IoU of each class less the other's, with a paired bootstrap over images."""
    even = np.full(len(first), 1 / len(first))
    drawn = np.random.default_rng(seed).multinomial(len(first), even, size=NUM_RESAMPLES)
    whole = np.ones((1, len(first)))
    (differences,) = _iou(whole @ first) - _iou(whole @ second)
    resampled = _iou(drawn @ first) - _iou(drawn @ second)
    gains: list[Gain | None] = []
    for difference, values in zip(differences, resampled.T, strict=True):
        known = values[~np.isnan(values)]  # resamples that show the class
        if np.isnan(difference) or not len(known):
            gains.append(None)
        else:
            low, high = np.quantile(known, [0.025, 0.975])
            gains.append(Gain(float(difference), float(low), float(high)))
    return gains


def _iou(sums: Statistics) -> NDArray[np.float64]:
    """Sums over images (resamples, 2 · classes) → (resamples, classes), NaN without pixels."""
    intersection, union = np.split(sums, 2, axis=1)
    return np.divide(intersection, union, out=np.full_like(union, np.nan), where=union > 0)
