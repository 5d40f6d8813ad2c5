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
from polyscale.report.run import MapImage, Picture, Run, Target
from polyscale.report.sides import Role, sides_of

BOTH_FAIL = "Wrong with both, other candidates differ"
OPEN_IMAGES = 3
"""Images with maps that are shown at once; the others are in a box that opens."""
MAX_CHARS = 6_500_000
"""Of all maps together, in base64: a page of it still opens at once on a phone."""
MIN_SHARE = 0.0005
"""Classes with a smaller share of an image are not in its legend."""

Painter = Callable[[Target], str]


@dataclass(frozen=True)
class Group:
    """Images under one heading; `telling` where a verdict rests on them."""

    title: str
    pictures: tuple[Picture, ...]
    telling: bool


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A candidate's prediction for an image, where it is wrong, and the image's own metric."""

    role: Role
    predicted_uri: str
    error_uri: str
    score: float | None
    is_best: bool
    starts_row: bool


@dataclass(frozen=True, kw_only=True)
class SideBySide:
    """An image with everything beside it.

    Attributes:
        image: the image.
        truth_uri: its target.
        panels: one for each candidate that is shown.
        legend: colours of classes, and their names.
        ends_m: depths at the ends of the colours of depth.
    """

    image: MapImage
    truth_uri: str
    panels: tuple[Panel, ...]
    legend: tuple[tuple[str, str], ...]
    ends_m: tuple[float, float] | None

    @property
    def num_chars(self) -> int:
        """Of its pictures in base64."""
        uris = [uri for panel in self.panels for uri in (panel.predicted_uri, panel.error_uri)]
        return 4 * len(self.image.jpeg) // 3 + sum(map(len, (self.truth_uri, *uris)))


def answers_gallery(run: Run) -> Markup | None:
    """Images with a class, in groups."""
    groups = group_pictures(run)
    return render("answers_gallery.html", run=run, groups=groups) if groups else None


def maps_gallery(run: Run) -> Markup | None:
    """Images with a target for every pixel."""
    pictures, limit_m = draw_gallery(run)
    if not pictures:
        return None
    return render(
        "maps_gallery.html",
        run=run,
        pictures=pictures,
        limit_m=limit_m,
        num_open=OPEN_IMAGES,
        depth_css=map_pictures.depth_css(),
        error_css=map_pictures.error_css(),
        wrong_css=map_pictures.hex_colour(map_pictures.WRONG),
    )


def group_pictures(run: Run) -> list[Group]:
    """By which side of a verdict is right; each image once, in the first group that it fits."""
    verdicts = run.verdicts if run.images.labels is not None else ()
    groups: dict[str, list[Picture]] = {
        title: [] for verdict in verdicts for title in _titles(verdict, run.models)
    }
    telling = set(groups)
    others = "Right with both, other candidates differ" if verdicts else "Candidates differ"
    groups |= {BOTH_FAIL: [], others: []}
    for picture in run.pictures:
        groups[_title(run, picture, verdicts) or others].append(picture)
    return [
        Group(title, tuple(pictures), telling=title in telling or not verdicts)
        for title, pictures in groups.items()
        if pictures
    ]


def _titles(verdict: Verdict, models: Mapping[str, str]) -> tuple[str, str]:
    """Of images that only the several scales get right, and only the larger model."""
    small = f"{models[verdict.s2.backbone]} at {scales_phrase(verdict.s2.scales)}"
    large = f"the larger {models[verdict.larger.backbone]}"
    return (
        f"Right with {small}, wrong with {large}",
        f"Right with {large}, wrong with {small}",
    )


def _title(run: Run, picture: Picture, verdicts: Sequence[Verdict]) -> str | None:
    row, correct = run.images.index[picture.id], run.images.correct
    for verdict in verdicts:
        s2 = correct[verdict.s2.candidate][row]
        if s2 != correct[verdict.larger.candidate][row]:
            return _titles(verdict, run.models)[0 if s2 else 1]
    if any(not correct[verdict.s2.candidate][row] for verdict in verdicts):
        return BOTH_FAIL
    return None


def draw_gallery(run: Run) -> tuple[list[SideBySide], float | None]:
    """As many images with maps as a page should hold, the ones that tell most first.

    Returns:
        The images, and where the colours of errors of depth end, in metres.
    """
    roles = _roles(run)
    limit_m = None if run.classes else _error_limit(run.maps, [role for role, _ in roles])
    drawn: list[SideBySide] = []
    room = MAX_CHARS
    for image in run.maps:
        one = _draw(run, image, roles, limit_m)
        room -= one.num_chars
        if room < 0:
            break
        drawn.append(one)
    return drawn, limit_m


def _roles(run: Run) -> list[tuple[Role, bool]]:
    """Each candidate that is shown, and whether it starts a family.

    Pictures take room, so they are of those candidates alone that the verdict of a family rests on.
    """
    families: dict[str, list[Role]] = {}
    for sides in sides_of(run):
        families.setdefault(sides.roles[0].result.family, [*sides.roles])
    shown: dict[str, tuple[Role, bool]] = {}
    for roles in families.values():
        new = [role for role in roles if role.candidate not in shown]
        shown |= {role.candidate: (role, role == new[0]) for role in new}
    return list(shown.values())


def _draw(
    run: Run, image: MapImage, roles: Sequence[tuple[Role, bool]], limit_m: float | None
) -> SideBySide:
    scores = [image.scores.get(role.candidate) for role, _ in roles]
    known = [score for score in scores if score is not None]
    best = max(known, key=lambda score: run.words.sign * score, default=None)
    ends_m = None if run.classes else map_pictures.depth_ends(image.truth)
    target_uri, error_uri = _painters(image, run.classes, ends_m, limit_m)
    return SideBySide(
        image=image,
        truth_uri=target_uri(image.truth),
        panels=tuple(
            Panel(
                role=role,
                predicted_uri=target_uri(image.predicted[role.candidate]),
                error_uri=error_uri(image.predicted[role.candidate]),
                score=score,
                is_best=score is not None and score == best and len(known) > 1,
                starts_row=starts_row,
            )
            for (role, starts_row), score in zip(roles, scores, strict=True)
            if role.candidate in image.predicted
        ),
        legend=_legend(image, roles, run.classes) if run.classes else (),
        ends_m=ends_m,
    )


def _painters(
    image: MapImage,
    classes: ClassIous | None,
    ends_m: tuple[float, float] | None,
    limit_m: float | None,
) -> tuple[Painter, Painter]:
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
    image: MapImage, roles: Sequence[tuple[Role, bool]], classes: ClassIous
) -> tuple[tuple[str, str], ...]:
    """Classes of the image, the largest first, and what is ignored."""
    num = len(classes.names)
    predicted = [image.predicted.get(role.candidate) for role, _ in roles]
    maps = [image.truth, *(target for target in predicted if target is not None)]
    counts = np.array([np.bincount(m[m >= 0].ravel(), minlength=num) for m in maps])
    there = np.flatnonzero(counts.max(axis=0) > MIN_SHARE * image.truth.size)
    order = sorted(there, key=lambda i: (-counts[0, i], -counts[:, i].max()))
    legend = [(map_pictures.class_css(int(i), num), classes.names[i]) for i in order]
    if any((m < 0).any() for m in maps):
        legend.append((map_pictures.class_css(-1, num), "ignored"))
    return tuple(legend)


def _error_limit(maps: Sequence[MapImage], roles: Sequence[Role]) -> float:
    """Where the colours of errors end: one digit, and few errors are larger."""
    errors = [
        np.abs(image.predicted[role.candidate] - image.truth)[::4, ::4].ravel()
        for image in maps
        for role in roles
        if role.candidate in image.predicted
    ]
    known = np.concatenate([e[np.isfinite(e)] for e in errors]) if errors else np.array([])
    limit = float(np.percentile(known, 95)) if known.size else 1.0
    digit = 10.0 ** floor(log10(max(limit, 0.01)))
    return float(np.ceil(round(limit / digit, 6)) * digit) or 0.01
