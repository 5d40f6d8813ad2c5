"""Test images on which candidates differ: their answers, or maps beside the truth."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import floor, log10

import numpy as np
from markupsafe import Markup

from polyscale.records import ClassIous, Verdict
from polyscale.report import map_pictures
from polyscale.report.names import scales_phrase
from polyscale.report.render import render
from polyscale.report.run import MapImage, Picture, PredictedMap, Run
from polyscale.report.sides import Role, Sides, sides_of

BOTH_FAIL = "Wrong with both, other candidates differ"
OPEN_IMAGES = 3
"""Images with maps that are shown at once; the others are in a box that opens."""
MAX_CHARS = 6_500_000
"""Of all maps together, in base64: a page of it still opens at once on a phone."""
MIN_SHARE = 0.0005
"""Classes with a smaller share of an image are not in its legend."""


@dataclass(frozen=True)
class Group:
    """Images under one heading; `telling` where a verdict rests on them."""

    title: str
    pictures: tuple[Picture, ...]
    telling: bool


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
    """Images, how many more there were no room for, and where colours of errors end."""

    pictures: tuple[SideBySide, ...]
    num_left_out: int
    limit_m: float | None


def answers_gallery(run: Run) -> Markup | None:
    """Images with a class, in groups."""
    groups = group_pictures(run.pictures, run.verdicts, run.models)
    return (
        render(
            "answers_gallery.html",
            run=run,
            groups=groups,
            has_correct=run.images.labels is not None,
        )
        if groups
        else None
    )


def maps_gallery(run: Run) -> Markup | None:
    """Images with a target for every pixel."""
    gallery = draw_gallery(run, _of_families(sides_of(run)))
    if not gallery.pictures:
        return None
    return render(
        "maps_gallery.html",
        run=run,
        gallery=gallery,
        num_open=OPEN_IMAGES,
        depth_css=map_pictures.depth_css(),
        error_css=map_pictures.error_css(),
        wrong_css=map_pictures.wrong_css(),
    )


def group_pictures(
    pictures: Sequence[Picture], verdicts: Sequence[Verdict], models: Mapping[str, str]
) -> list[Group]:
    """By which side of a verdict is right; each image once, in the first group that it fits.

    Args:
        pictures: images on which candidates differ.
        verdicts: whose two sides make the groups.
        models: short name of each backbone.
    """
    groups: dict[str, list[Picture]] = {}
    for verdict in verdicts:
        for title in _titles(verdict, models):
            groups[title] = []
    telling = set(groups)
    if verdicts:
        groups[BOTH_FAIL] = []
    others = "Candidates differ"
    if verdicts and any(a.correct for picture in pictures for a in picture.answers.values()):
        others = "Right with both, other candidates differ"
    groups[others] = []
    for picture in pictures:
        known = all(answer.correct is not None for answer in picture.answers.values())
        group = _title(picture, verdicts, models) if known else None
        groups[group or others].append(picture)
    return [
        Group(title, tuple(found), telling=title in telling or not telling)
        for title, found in groups.items()
        if found
    ]


def _titles(verdict: Verdict, models: Mapping[str, str]) -> tuple[str, str]:
    """Of images that only the several scales get right, and only the larger model."""
    small = f"{models[verdict.s2.backbone]} at {scales_phrase(verdict.s2.scales)}"
    large = f"the larger {models[verdict.larger.backbone]}"
    return (
        f"Right with {small}, wrong with {large}",
        f"Right with {large}, wrong with {small}",
    )


def _title(picture: Picture, verdicts: Sequence[Verdict], models: Mapping[str, str]) -> str | None:
    for verdict in verdicts:
        s2 = picture.answers[verdict.s2.candidate].correct
        larger = picture.answers[verdict.larger.candidate].correct
        if s2 != larger:
            return _titles(verdict, models)[0 if s2 else 1]
    if any(not picture.answers[verdict.s2.candidate].correct for verdict in verdicts):
        return BOTH_FAIL
    return None


def draw_gallery(run: Run, sides: Sequence[Sides]) -> Gallery:
    """As many images with maps as a page should hold, the ones that tell most first."""
    roles = _roles(sides)
    limit_m = None if run.classes else _error_limit(run.maps, [role for role, _ in roles])
    drawn: list[SideBySide] = []
    room = MAX_CHARS
    for image in run.maps:
        one = _draw(image, roles, run.classes, limit_m, run.words.sign)
        if one.num_chars > room:
            break
        room -= one.num_chars
        drawn.append(one)
    left_out = len(run.maps) - len(drawn)
    return Gallery(pictures=tuple(drawn), num_left_out=left_out, limit_m=limit_m)


def _of_families(sides: Sequence[Sides]) -> list[Sides]:
    """The first of each family, on which its verdict rests: pictures take room."""
    found: dict[str, Sides] = {}
    for one in sides:
        found.setdefault(one.roles[0].result.family, one)
    return list(found.values())


def _roles(sides: Sequence[Sides]) -> list[tuple[Role, bool]]:
    """Each candidate once, and whether it starts a family."""
    found: dict[str, tuple[Role, bool]] = {}
    for one in sides:
        new = [role for role in one.roles if role.candidate not in found]
        found |= {role.candidate: (role, role == new[0]) for role in new}
    return list(found.values())


def _draw(
    image: MapImage,
    roles: Sequence[tuple[Role, bool]],
    classes: ClassIous | None,
    limit_m: float | None,
    sign: int,
) -> SideBySide:
    shown = [
        (role, starts, image.predicted[role.candidate])
        for role, starts in roles
        if role.candidate in image.predicted
    ]
    scores = [p.score for *_, p in shown if p.score is not None]
    best = max(scores, key=lambda score: sign * score, default=None)
    ends_m = None if classes else map_pictures.depth_ends(image.truth)
    target_uri, error_uri = _painters(image, classes, ends_m, limit_m)
    return SideBySide(
        id=image.id,
        size_wh=image.size_wh,
        photo=map_pictures.photo_uri(image.jpeg),
        truth=target_uri(image.truth),
        panels=tuple(
            Panel(
                role=role,
                said=target_uri(predicted.target),
                error=error_uri(predicted.target),
                score=predicted.score,
                is_best=best is not None and predicted.score == best and len(scores) > 1,
                starts_row=starts,
            )
            for role, starts, predicted in shown
        ),
        legend=_legend(image, [p for *_, p in shown], classes) if classes else (),
        ends_m=ends_m,
    )


def _painters(
    image: MapImage,
    classes: ClassIous | None,
    ends_m: tuple[float, float] | None,
    limit_m: float | None,
) -> tuple[Callable[[np.ndarray], str], Callable[[np.ndarray], str]]:
    """How a target becomes a picture, and how its error does."""
    if classes:
        photo, num = map_pictures.decode(image.jpeg), len(classes.names)
        return (
            lambda labels: map_pictures.labels_uri(labels, num),
            lambda labels: map_pictures.wrong_labels_uri(image.truth, labels, photo),
        )
    assert ends_m is not None
    assert limit_m is not None
    return (
        lambda depth_m: map_pictures.depth_uri(depth_m, ends_m),
        lambda depth_m: map_pictures.depth_error_uri(image.truth, depth_m, limit_m),
    )


def _legend(
    image: MapImage, shown: Sequence[PredictedMap], classes: ClassIous
) -> tuple[Swatch, ...]:
    """Classes of the image, the largest first, and what is ignored."""
    num = len(classes.names)
    maps = [image.truth, *(predicted.target for predicted in shown)]
    counts = np.array([np.bincount(m[m >= 0].ravel(), minlength=num) for m in maps])
    there = np.flatnonzero(counts.max(axis=0) > MIN_SHARE * image.truth.size)
    order = sorted(there, key=lambda i: (-counts[0, i], -counts[:, i].max()))
    swatches = [Swatch(map_pictures.class_css(int(i), num), classes.names[i]) for i in order]
    if any((m < 0).any() for m in maps):
        swatches.append(Swatch(map_pictures.class_css(-1, num), "ignored"))
    return tuple(swatches)


def _error_limit(found: Sequence[MapImage], roles: Sequence[Role]) -> float:
    """Where the colours of errors end: one digit, and few errors are larger."""
    errors = [
        np.abs(image.predicted[role.candidate].target - image.truth)[::4, ::4].ravel()
        for image in found
        for role in roles
        if role.candidate in image.predicted
    ]
    known = np.concatenate([e[np.isfinite(e)] for e in errors]) if errors else np.array([])
    limit = float(np.percentile(known, 95)) if known.size else 1.0
    digit = 10.0 ** floor(log10(max(limit, 0.01)))
    return float(np.ceil(round(limit / digit, 6)) * digit) or 0.01
