"""Class by class: what several scales gain, and what is taken for what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyscale.records import Result
from polyscale.report.predictions import Predictions
from polyscale.report.read import Run
from polyscale.report.series import single_scale
from polyscale.stats import score_interval

FEW_IMAGES = 30
"""Fewer test images of a class say little of it alone."""
MAX_ROWS = 40
MAX_MATRIX = 20
MAX_MISTAKES = 5


@dataclass(frozen=True, kw_only=True)
class Paired:
    """Two candidates on the images of one class; `ci` is Tango's score interval, 95 %."""

    only_first: int
    only_second: int
    difference: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True, kw_only=True)
class ClassGain:
    """A class, how many test images it has, and the several scales against the other two."""

    name: str
    num: int
    larger: Paired | None
    single: Paired | None


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """Test images of a class that a candidate takes for another."""

    label: str
    said: str
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
    """A family, class by class.

    Attributes:
        s2: the candidate with several scales.
        larger: the larger one, where there is a verdict.
        single: the same model at scale 1, where it was run.
        rows: the largest gain first.
        num_hidden: classes in the middle that are left out.
        classes: names of the rows and columns of the matrices.
        confusions: of `s2`, and of what it stands against.
    """

    s2: Result
    larger: Result | None
    single: Result | None
    rows: tuple[ClassGain, ...]
    num_hidden: int
    classes: tuple[str, ...]
    confusions: tuple[Confusion, ...]


def class_pages(run: Run, pairs: Sequence[tuple[Result, Result | None]]) -> list[ClassPage]:
    """One for each candidate with several scales that the report is about.

    Args:
        run: with the answers.
        pairs: that candidate, and the larger one that it stands against.
    """
    if run.predictions is None:
        return []
    return [_page(run.results, run.predictions, s2, larger) for s2, larger in pairs]


def _page(
    results: Sequence[Result], found: Predictions, s2: Result, larger: Result | None
) -> ClassPage:
    single = single_scale(results, s2)
    other = larger or single
    rows = _gains(found, s2, larger, single)
    rows.sort(key=lambda row: -((row.larger or row.single or _NONE).difference))
    half = MAX_ROWS // 2
    hidden = len(rows) - MAX_ROWS if len(rows) > MAX_ROWS else 0
    # what is said may be a class without test images
    classes = sorted(set(found.labels).union(*(set(said) for said in found.said.values())))
    return ClassPage(
        s2=s2,
        larger=larger,
        single=single,
        rows=tuple(rows[:half] + rows[-half:] if hidden else rows),
        num_hidden=hidden,
        classes=tuple(classes),
        confusions=tuple(
            _confusion(found, r.candidate, classes) for r in (s2, other) if r is not None
        ),
    )


_NONE = Paired(only_first=0, only_second=0, difference=0, ci_low=0, ci_high=0)


def _gains(
    found: Predictions, s2: Result, larger: Result | None, single: Result | None
) -> list[ClassGain]:
    gains = []
    for name in found.classes:
        own = found.labels == name
        right = {c: correct[own] for c, correct in found.correct.items()}
        gains.append(
            ClassGain(
                name=name,
                num=int(own.sum()),
                larger=_paired(right, s2, larger),
                single=_paired(right, s2, single),
            )
        )
    return gains


def _paired(
    right: Mapping[str, NDArray[np.bool_]], s2: Result, other: Result | None
) -> Paired | None:
    if other is None:
        return None
    first, second = right[s2.candidate], right[other.candidate]
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    low, high = score_interval(only_first, only_second, len(first))
    return Paired(
        only_first=only_first,
        only_second=only_second,
        difference=(only_first - only_second) / len(first),
        ci_low=low,
        ci_high=high,
    )


def _confusion(found: Predictions, candidate: str, classes: Sequence[str]) -> Confusion:
    index = {name: i for i, name in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    said = found.said[candidate]
    np.add.at(counts, ([index[n] for n in found.labels], [index[n] for n in said]), 1)
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(-wrong, axis=None, kind="stable")[:MAX_MISTAKES]
    mistakes = [divmod(int(i), len(classes)) for i in order if wrong.flat[i]]
    return Confusion(
        candidate=candidate,
        counts=counts if len(classes) <= MAX_MATRIX else None,
        mistakes=tuple(
            Mistake(label=classes[i], said=classes[j], count=int(wrong[i, j])) for i, j in mistakes
        ),
    )
