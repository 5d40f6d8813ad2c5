"""Episodes of policies: where each candidate succeeds, and films of some."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from polyscale.records import Episodes, FilmRow
from polyscale.report.render import render
from polyscale.report.run import Run

SIDE = 200
"""Side of a map, in the units of its view box."""

MARGIN = 14
"""Empty margin at each edge."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """A point of a map: its place, the share of policies that succeed there, and its id."""

    left: float
    top: float
    share: float
    id: str


def episodes_section(run: Run) -> Markup | None:
    """Maps of success and films, if a run has episodes."""
    if run.episodes is None:
        return None
    return render(
        "episodes.html",
        run=run,
        episodes=run.episodes,
        maps=success_maps(run.episodes, list(run.rows)),
        extent_cm=100 * extent_m(run.episodes),
        films=_by_start(run.films),
        side=SIDE,
    )


def success_maps(episodes: Episodes, names: Sequence[str]) -> dict[str, list[Start]]:
    """Candidate → its points, seen from above: x to the right, y upwards."""
    xs, ys = zip(*episodes.xy_m, strict=True)
    centre = ((min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2)
    scale = (SIDE - 2 * MARGIN) / (extent_m(episodes) or 1.0)

    def start(number: int, share: float) -> Start:
        return Start(
            left=round(SIDE / 2 + scale * (xs[number] - centre[0]), 1),
            top=round(SIDE / 2 - scale * (ys[number] - centre[1]), 1),
            share=share,
            id=episodes.ids[number],
        )

    return {
        name: [start(number, share) for number, share in enumerate(episodes.success[name])]
        for name in names
    }


def extent_m(episodes: Episodes) -> float:
    """The larger of the ranges of x and y, in metres; all maps are that wide and high."""
    xs, ys = zip(*episodes.xy_m, strict=True)
    return max(max(xs) - min(xs), max(ys) - min(ys))


def _by_start(films: Sequence[FilmRow]) -> Mapping[str, list[FilmRow]]:
    """Id of an episode → the films of it."""
    starts: dict[str, list[FilmRow]] = {}
    for film in films:
        starts.setdefault(film.id, []).append(film)
    return starts
