"""IoU class by class, and what several scales gain on each."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from polyscale.report.dense.answers import Statistics
from polyscale.report.dense.run_files import Dense
from polyscale.report.dense.sides import Role, Sides
from polyscale.report.dense.tables import Share

FEW_IMAGES = 30
FEW_SHARE = 0.001
"""A class on fewer test images, or with a smaller share of their pixels, says little alone."""
NUM_RESAMPLES = 2000
MAX_ROWS = 40


@dataclass(frozen=True, kw_only=True)
class ClassRow:
    """A class: what there is of it, IoU by role, the gains over the other roles.

    Attributes:
        name: of the class.
        num_images: test images that show it.
        px_share: its share of the judged pixels.
        is_few: whether there is too little of it to speak alone.
        iou: of each role; None where the class is on no test image.
        gains: of the several scales, with 95 % intervals.
    """

    name: str
    num_images: int
    px_share: float
    is_few: bool
    iou: tuple[float | None, ...]
    gains: tuple[Share | None, ...]


@dataclass(frozen=True, kw_only=True)
class IouPage:
    """A family class by class, the largest gain first; `num_hidden` in the middle are left out."""

    sides: Sides
    rows: tuple[ClassRow, ...]
    num_hidden: int
    limit: float


def iou_pages(dense: Dense, sides: Sequence[Sides], seed: int) -> list[IouPage]:
    """One for each candidate with several scales that the report is about.

    Args:
        dense: with classes.
        sides: the candidates.
        seed: of the resampling.
    """
    return [_page(dense, own, seed) for own in sides]


def _page(dense: Dense, sides: Sides, seed: int) -> IouPage:
    classes = dense.classes
    assert classes is not None
    total = max(1, sum(classes.test_px))
    gains = [_gains(dense, sides.s2, role, seed) for role in sides.others if sides.s2]
    rows = [
        ClassRow(
            name=name,
            num_images=classes.test_images[i],
            px_share=classes.test_px[i] / total,
            is_few=classes.test_images[i] < FEW_IMAGES or classes.test_px[i] < FEW_SHARE * total,
            iou=tuple(classes.iou[role.candidate][i] for role in sides.roles),
            gains=tuple(own[i] for own in gains),
        )
        for i, name in enumerate(classes.names)
    ]
    rows = [row for row in rows if any(value is not None for value in row.iou)]
    rows.sort(key=_order)
    half = MAX_ROWS // 2
    hidden = max(0, len(rows) - MAX_ROWS)
    ends = [
        abs(end) for row in rows for own in row.gains if own for end in (own.ci_low, own.ci_high)
    ]
    return IouPage(
        sides=sides,
        rows=tuple(rows[:half] + rows[-half:] if hidden else rows),
        num_hidden=hidden,
        limit=min(1.0, max(1, ceil(max(ends, default=0) / 0.1)) / 10),
    )


def _order(row: ClassRow) -> float:
    """The largest gain first; without one, the largest IoU."""
    first = next(iter(row.gains), None)
    if first:
        return -first.value
    return 2.0 if row.gains else -(row.iou[0] or 0)


def _gains(dense: Dense, s2: Role, other: Role, seed: int) -> list[Share | None]:
    """IoU of each class less the other's, with a paired bootstrap over images."""
    statistics = dense.answers.statistics
    first, second = statistics[s2.candidate], statistics[other.candidate]
    even = np.full(len(first), 1 / len(first))
    drawn = np.random.default_rng(seed).multinomial(len(first), even, size=NUM_RESAMPLES)
    found = _iou(first.sum(axis=0)[None])[0] - _iou(second.sum(axis=0)[None])[0]
    differences = _iou(drawn @ first) - _iou(drawn @ second)
    gains: list[Share | None] = []
    for value, own in zip(found, differences.T, strict=True):
        known = own[~np.isnan(own)]  # resamples that show the class
        if np.isnan(value) or not len(known):
            gains.append(None)
            continue
        low, high = np.quantile(known, [0.025, 0.975])
        gains.append(Share(float(value), float(low), float(high)))
    return gains


def _iou(sums: Statistics) -> NDArray[np.float64]:
    """Sums over images (resamples, 2 · classes) → (resamples, classes), NaN without pixels."""
    intersection, union = np.split(sums.astype(np.float64), 2, axis=1)
    return np.divide(intersection, union, out=np.full_like(union, np.nan), where=union > 0)
