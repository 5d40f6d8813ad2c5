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
from polyscale.robot.policies.rollouts import in_groups, run_groups
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
    seconds: ControlTimes | None = None,
) -> list[Rollout]:
    """Run one episode for each seed; groups of episodes that the folder holds are not run again.

    A killed evaluation continues to the same episodes, because a group that was not finished is run
    again as a whole.

    Args:
        controller: the policy, its encoder and its options.
        make_scene: makes a scene; called in the threads that run episodes.
        seeds: of the scenes, one for each episode.
        folder: keeps the episodes; use it for this controller in this scene only.
        step: the name under which progress is reported.
        progress: told after every episode.
        seconds: the time spent on episodes that run is added to it.

    Returns:
        The episodes in the order of the seeds.

    Raises:
        RunError: if episodes cannot be written, or an action is not finite.
    """
    found, missing = find_rollouts(folder, seeds, controller.options)
    progress(step, len(found), len(seeds), "episodes")
    with closing(run_groups(controller, make_scene, missing, seconds)) as running:
        for episodes in running:
            _keep(folder, episodes)
            found |= {episode.seed: episode for episode in episodes}
            progress(step, len(found), len(seeds), "episodes")
    return [found[seed] for seed in seeds]


def find_rollouts(
    folder: Path, seeds: Sequence[int], options: ControlOptions
) -> tuple[dict[int, Rollout], list[Sequence[int]]]:
    """Episodes that a folder holds, by their seeds, and the seeds of each group that is missing."""
    kept, groups = _read(folder, film=options.film), in_groups(seeds, options.lockstep)
    found = {each.seed: each for group in groups for each in kept.get(frozenset(group), ())}
    return found, [group for group in groups if frozenset(group) not in kept]


def _film(folder: Path, seed: int) -> Path:
    return folder / FILMS / f"{seed}.webp"


def _keep(folder: Path, group: Sequence[Rollout]) -> None:
    """Write films before lines, and all lines at once, so that a group that has lines is whole."""
    seeds = tuple(each.seed for each in group)
    rows = [
        EpisodeRow(
            seed=each.seed,
            success=each.success,
            steps=each.steps,
            state=each.state,
            together=seeds,
        )
        for each in group
    ]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for each in group:
            if each.film is not None:
                with whole_file(_film(folder, each.seed)) as file:
                    file.write_bytes(each.film)
        with (folder / EPISODES).open("ab+") as file:
            file.seek(max(file.tell() - 1, 0))
            start = "" if file.read() in (b"", b"\n") else "\n"  # after a truncated line
            lines = "".join(f"{json.dumps(row.to_dict())}\n" for row in rows)
            file.write(f"{start}{lines}".encode())
    except OSError as error:
        raise RunError(
            f"episodes cannot be written to {folder} ({error.strerror or error}). Make room, or "
            "choose another folder."
        ) from error


def _read(folder: Path, *, film: bool) -> dict[frozenset[int], list[Rollout]]:
    """Seeds of a group → its episodes. Truncated or damaged lines are ignored.

    Args:
        folder: what `evaluate_policy` was given.
        film: whether episodes without a film are ignored as well.
    """
    try:
        lines = (folder / EPISODES).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return {}
    groups: dict[frozenset[int], dict[int, Rollout]] = {}
    for line in lines:
        try:
            row = EpisodeRow.from_dict(json.loads(line))
        except (ValueError, RecursionError):
            continue
        path = _film(folder, row.seed)
        if film and not path.exists():
            continue
        groups.setdefault(frozenset(row.together), {})[row.seed] = Rollout(
            seed=row.seed,
            success=row.success,
            steps=row.steps,
            state=row.state,
            film=path.read_bytes() if film else None,
        )
    return {seeds: list(own.values()) for seeds, own in groups.items() if seeds == own.keys()}
