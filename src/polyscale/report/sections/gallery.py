"""Test images on which candidates differ: their answers, or maps beside the truth."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import floor, log10

import numpy as np
from markupsafe import Markup

from polyscale.records import ClassIous, Verdict
from polyscale.report import map_pictures
from polyscale.report.names import larger_phrase, scales_phrase
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


@dataclass(frozen=True)
class Group:
    """Images under one heading; `telling` is True if they decide a verdict."""

    title: str
    pictures: tuple[Picture, ...]
    telling: bool


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A candidate's prediction for an image, a picture of its errors, and its score there."""

    role: Role
    predicted_uri: str
    error_uri: str
    score: float | None
    is_best: bool
    starts_row: bool


@dataclass(frozen=True, kw_only=True)
class SideBySide:
    """An image with everything beside it."""

    image: MapImage
    truth_uri: str
    panels: tuple[Panel, ...]
    legend: tuple[tuple[str, str], ...]  # colours and names of classes
    ends_m: tuple[float, float] | None  # depths at the ends of the colours

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
    verdicts = run.verdicts if run.images.groups else ()
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
    """Titles for images that only the several scales get right, and only the larger model."""
    small = f"{models[verdict.s2.backbone]} at {scales_phrase(verdict.s2.scales)}"
    large = larger_phrase(models[verdict.larger.backbone])
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
    maps = [
        replace(image, predicted={n: image.predicted[n] for n in roles if n in image.predicted})
        for image in run.maps
    ]
    limit_m = None if run.classes else _error_limit(maps)
    drawn: list[SideBySide] = []
    room = MAX_CHARS
    for image in maps:
        one = _draw(run, image, roles, limit_m)
        room -= one.num_chars
        if room < 0:
            break
        drawn.append(one)
    return drawn, limit_m


def _roles(run: Run) -> dict[str, tuple[Role, bool]]:
    """Each candidate that is shown, and whether it starts a family.

    Pictures take space, so only the candidates that the verdict of a family is about are shown.
    """
    families: dict[str, list[Role]] = {}
    for sides in sides_of(run):
        families.setdefault(sides.roles[0].result.family, [*sides.roles])
    shown: dict[str, tuple[Role, bool]] = {}
    for roles in families.values():
        new = [role for role in roles if role.candidate not in shown]
        shown |= {role.candidate: (role, role == new[0]) for role in new}
    return shown


def _draw(
    run: Run, image: MapImage, roles: Mapping[str, tuple[Role, bool]], limit_m: float | None
) -> SideBySide:
    scores = [s for name in image.predicted if (s := image.scores[name]) is not None]
    best = max(scores, key=lambda s: run.words.sign * s) if len(scores) > 1 else None
    target_uri: Callable[[Target], str]
    error_uri: Callable[[Target], str]
    ends_m, legend = None, tuple[tuple[str, str], ...]()
    if run.classes:
        photo, legend = map_pictures.decode(image.jpeg), _legend(image, run.classes)
        target_uri = partial(map_pictures.labels_uri, num_classes=len(run.classes.names))
        error_uri = partial(map_pictures.wrong_labels_uri, image.truth, photo=photo)
    else:
        assert limit_m is not None
        ends_m = map_pictures.depth_ends(image.truth)
        target_uri = partial(map_pictures.depth_uri, ends_m=ends_m)
        error_uri = partial(map_pictures.depth_error_uri, image.truth, limit_m=limit_m)
    panels = [
        Panel(
            role=roles[name][0],
            predicted_uri=target_uri(target),
            error_uri=error_uri(target),
            score=image.scores[name],
            is_best=best is not None and image.scores[name] == best,
            starts_row=roles[name][1],
        )
        for name, target in image.predicted.items()
    ]
    truth_uri = target_uri(image.truth)
    return SideBySide(
        image=image, truth_uri=truth_uri, panels=tuple(panels), legend=legend, ends_m=ends_m
    )


def _legend(image: MapImage, classes: ClassIous) -> tuple[tuple[str, str], ...]:
    """Classes of the image, the largest first, and what is ignored."""
    num = len(classes.names)
    maps = [image.truth, *image.predicted.values()]
    counts = np.array([np.bincount(m[m >= 0].ravel(), minlength=num) for m in maps])
    there = np.flatnonzero(counts.max(axis=0) > MIN_SHARE * image.truth.size)
    order = sorted(there, key=lambda i: (-counts[0, i], -counts[:, i].max()))
    legend = [(map_pictures.class_css(int(i), num), classes.names[i]) for i in order]
    if any((m < 0).any() for m in maps):
        legend.append((map_pictures.class_css(-1, num), "ignored"))
    return tuple(legend)


def _error_limit(maps: Sequence[MapImage]) -> float:
    """Where the colours of errors end: one digit, and few errors are larger."""
    pairs = [(image.truth, target) for image in maps for target in image.predicted.values()]
    errors = [np.abs(target - truth)[::4, ::4].ravel() for truth, target in pairs]
    known = np.concatenate([e[np.isfinite(e)] for e in errors]) if errors else np.array([])
    limit = float(np.percentile(known, 95)) if known.size else 1.0
    digit = 10.0 ** floor(log10(max(limit, 0.01)))
    return float(np.ceil(round(limit / digit, 6)) * digit) or 0.01
