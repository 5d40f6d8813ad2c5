"""Pictures on which candidates differ: truth, predictions and errors beside each other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor, log10

import numpy as np

from polyscale.report.dense import pictures
from polyscale.report.dense.gallery_file import DensePicture, Predicted
from polyscale.report.dense.sides import Role, Sides
from polyscale.report.dense.tables import Classes

MAX_CHARS = 6_500_000
"""Of all pictures together, in base64: a page of it still opens at once on a phone."""
MIN_SHARE = 0.0005
"""Classes with a smaller share of a picture are not in its legend."""


@dataclass(frozen=True)
class Swatch:
    """A colour and what it means."""

    css: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Panel:
    """What a candidate makes of an image.

    Attributes:
        role: the candidate.
        said: its prediction, as a data URI.
        error: where that is wrong.
        score: the image's own metric.
        is_best: of the panels of the image.
        starts_row: the first of its family.
    """

    role: Role
    said: str
    error: str
    score: float | None
    is_best: bool
    starts_row: bool


@dataclass(frozen=True, kw_only=True)
class SideBySide:
    """An image with everything beside it; `ends_m` are those of the colours of depth."""

    id: str
    size_wh: tuple[int, int]
    photo: str
    truth: str
    panels: tuple[Panel, ...]
    legend: tuple[Swatch, ...]
    ends_m: tuple[float, float] | None

    @property
    def num_chars(self) -> int:
        """Of its pictures."""
        uris = [uri for panel in self.panels for uri in (panel.said, panel.error)]
        return sum(map(len, (self.photo, self.truth, *uris)))


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """Pictures, how many more there were no room for, and where colours of errors end."""

    pictures: tuple[SideBySide, ...]
    num_left_out: int
    limit_m: float | None


def draw_gallery(
    found: Sequence[DensePicture], sides: Sequence[Sides], classes: Classes | None, sign: int
) -> Gallery:
    """As many pictures as a page should hold.

    Args:
        found: the one that tells most first.
        sides: candidates to be shown.
        classes: of segmentation; None for depth.
        sign: 1 where a higher score is better, else -1.
    """
    roles = _roles(sides)
    limit_m = None if classes else _error_limit(found, [role for role, _ in roles])
    drawn: list[SideBySide] = []
    room = MAX_CHARS
    for picture in found:
        one = _draw(picture, roles, classes, limit_m, sign)
        if one.num_chars > room:
            break
        room -= one.num_chars
        drawn.append(one)
    return Gallery(pictures=tuple(drawn), num_left_out=len(found) - len(drawn), limit_m=limit_m)


def _roles(sides: Sequence[Sides]) -> list[tuple[Role, bool]]:
    """Each candidate once, and whether it starts a family."""
    found: dict[str, tuple[Role, bool]] = {}
    for own in sides:
        new = [role for role in own.roles if role.candidate not in found]
        found |= {role.candidate: (role, role == new[0]) for role in new}
    return list(found.values())


def _draw(
    picture: DensePicture,
    roles: Sequence[tuple[Role, bool]],
    classes: Classes | None,
    limit_m: float | None,
    sign: int,
) -> SideBySide:
    shown = [
        (*role, picture.predicted[role[0].candidate])
        for role in roles
        if role[0].candidate in picture.predicted
    ]
    scores = [p.score for *_, p in shown if p.score is not None]
    best = max(scores, key=lambda score: sign * score, default=None)
    ends_m = None if classes else pictures.depth_ends(picture.truth)
    target_uri, error_uri = _painters(picture, classes, ends_m, limit_m)
    return SideBySide(
        id=picture.id,
        size_wh=picture.size_wh,
        photo=pictures.photo_uri(picture.jpeg),
        truth=target_uri(picture.truth),
        panels=tuple(
            Panel(
                role=role,
                said=target_uri(own.target),
                error=error_uri(own.target),
                score=own.score,
                is_best=best is not None and own.score == best and len(scores) > 1,
                starts_row=starts,
            )
            for role, starts, own in shown
        ),
        legend=_legend(picture, [own for *_, own in shown], classes) if classes else (),
        ends_m=ends_m,
    )


def _painters(
    picture: DensePicture,
    classes: Classes | None,
    ends_m: tuple[float, float] | None,
    limit_m: float | None,
) -> tuple[Callable[[np.ndarray], str], Callable[[np.ndarray], str]]:
    """How a target becomes a picture, and how its error does."""
    if classes:
        photo, num = pictures.decode(picture.jpeg), len(classes.names)
        return (
            lambda labels: pictures.labels_uri(labels, num),
            lambda labels: pictures.wrong_labels_uri(picture.truth, labels, photo),
        )
    assert ends_m is not None
    assert limit_m is not None
    return (
        lambda depth_m: pictures.depth_uri(depth_m, ends_m),
        lambda depth_m: pictures.depth_error_uri(picture.truth, depth_m, limit_m),
    )


def _legend(
    picture: DensePicture, shown: Sequence[Predicted], classes: Classes
) -> tuple[Swatch, ...]:
    """Classes of the picture, the largest first, and what is ignored."""
    num = len(classes.names)
    maps = [picture.truth, *(own.target for own in shown)]
    counts = np.array([np.bincount(m[m >= 0].ravel(), minlength=num) for m in maps])
    there = np.flatnonzero(counts.max(axis=0) > MIN_SHARE * picture.truth.size)
    order = sorted(there, key=lambda i: (-counts[0, i], -counts[:, i].max()))
    swatches = [Swatch(pictures.class_css(int(i), num), classes.names[i]) for i in order]
    if any((m < 0).any() for m in maps):
        swatches.append(Swatch(pictures.class_css(-1, num), "ignored"))
    return tuple(swatches)


def _error_limit(found: Sequence[DensePicture], roles: Sequence[Role]) -> float:
    """Where the colours of errors end: one digit, and few errors are larger."""
    errors = [
        np.abs(picture.predicted[role.candidate].target - picture.truth)[::4, ::4].ravel()
        for picture in found
        for role in roles
        if role.candidate in picture.predicted
    ]
    known = np.concatenate([e[np.isfinite(e)] for e in errors]) if errors else np.array([])
    limit = float(np.percentile(known, 95)) if known.size else 1.0
    digit = 10.0 ** floor(log10(max(limit, 0.01)))
    return float(np.ceil(round(limit / digit, 6)) * digit) or 0.01
