"""Judges a policy in scenes; finished episodes are kept, so that a killed evaluation continues."""

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from polyscale.errors import RunError
from polyscale.features import whole_file
from polyscale.records import EpisodeRow
from polyscale.robot.policies.controller import (
    Controller,
    ControlOptions,
    ControlTimes,
    Rollout,
    Scene,
)
from polyscale.robot.policies.rollouts import run_groups
from polyscale.types import Progress, silent

EPISODES = "episodes.jsonl"
FILMS = "films"


def evaluate_policy(
    controller: Controller,
    make_scene: Callable[[], Scene],
    seeds: Sequence[int],
    folder: Path,
    *,
    step: str = "episodes",
    progress: Progress = silent,
    times: ControlTimes | None = None,
) -> list[Rollout]:
    """Run one episode for each seed; episodes that the folder already holds are not run again.

    Episodes that run together round alike. Therefore the seeds of a group follow from its number
    alone, all of them are run, and a group that was not finished is run again as a whole: the
    result of an episode depends neither on how many are asked for nor on interruptions.

    Args:
        controller: the policy, its encoder and its options.
        make_scene: makes a scene; called in the threads that run episodes.
        seeds: of the scenes, one for each episode.
        folder: keeps the episodes; use it for this controller in this scene only.
        step: the name under which progress is reported.
        progress: told after every group of episodes.
        times: the time spent on episodes that run is added to it.

    Returns:
        The episodes in the order of the seeds.

    Raises:
        RunError: if episodes cannot be written, or an action is not finite.
    """
    size = controller.options.lockstep
    found, missing = find_rollouts(folder, seeds, controller.options)
    groups = [range(size * number, size * (number + 1)) for number in missing]

    def tell() -> None:
        progress(step, len(found.keys() & set(seeds)), len(seeds), "episodes")

    tell()
    with closing(run_groups(controller, make_scene, groups, times)) as running:
        for episodes in running:
            _keep(folder, episodes)
            found |= {episode.seed: episode for episode in episodes}
            tell()
    return [found[seed] for seed in seeds]


def find_rollouts(
    folder: Path, seeds: Sequence[int], options: ControlOptions
) -> tuple[dict[int, Rollout], list[int]]:
    """Episodes of complete groups that a folder holds, by seed, and numbers of missing groups."""
    rows, size = _read(folder), options.lockstep
    found, missing = dict[int, Rollout](), []
    for number in sorted({seed // size for seed in seeds}):
        group = range(size * number, size * (number + 1))
        if all(
            seed in rows and (_film(folder, seed).exists() or not options.film) for seed in group
        ):
            found |= {seed: _rollout(folder, rows[seed], film=options.film) for seed in group}
        else:
            missing.append(number)
    return found, missing


def _rollout(folder: Path, row: EpisodeRow, *, film: bool) -> Rollout:
    return Rollout(
        seed=row.seed,
        success=row.success,
        steps=row.steps,
        state=row.state,
        film=_film(folder, row.seed).read_bytes() if film else None,
    )


def _film(folder: Path, seed: int) -> Path:
    return folder / FILMS / f"{seed}.webp"


def _keep(folder: Path, group: Sequence[Rollout]) -> None:
    """Write films before lines, so that an episode with a line is complete."""
    rows = _read(folder)
    rows |= {
        each.seed: EpisodeRow(
            seed=each.seed, success=each.success, steps=each.steps, state=each.state
        )
        for each in group
    }
    try:
        for each in group:
            if each.film is not None:
                with whole_file(_film(folder, each.seed)) as file:
                    file.write_bytes(each.film)
        with whole_file(folder / EPISODES) as file:
            lines = (f"{json.dumps(row.to_dict())}\n" for row in rows.values())
            file.write_text("".join(lines), encoding="utf-8")
    except OSError as error:
        raise RunError(
            f"episodes cannot be written to {folder} ({error.strerror or error}). Make room, or "
            "choose another folder."
        ) from error


def _read(folder: Path) -> dict[int, EpisodeRow]:
    """Seed → its line; truncated or damaged lines are left out."""
    try:
        lines = (folder / EPISODES).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return {}
    rows = {}
    for line in lines:
        try:
            row = EpisodeRow.from_dict(json.loads(line))
        except (ValueError, RecursionError):
            continue
        rows[row.seed] = row
    return rows
