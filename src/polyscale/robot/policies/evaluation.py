"""Judges a policy in scenes; finished episodes are kept, so that a killed evaluation continues."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
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

    Features may differ in their last digits between batches of different sizes. So an episode
    always runs in the same group: each `lockstep` consecutive seeds are a group, which is run as a
    whole, also if fewer seeds are asked for or if it was interrupted.

    Args:
        controller: the policy, its encoder and its options.
        make_scene: makes a scene; called in the threads that run episodes.
        seeds: seeds of the scenes, one for each episode.
        folder: keeps the episodes; use it for this controller in this scene only.
        step: the name under which progress is reported.
        progress: told after every group of episodes.
        times: the time spent on episodes that run is added to it.

    Returns:
        The episodes in the order of the seeds.

    Raises:
        RunError: if episodes cannot be written, or an action is not finite.
    """
    options, rows = controller.options, _read(folder)
    groups = _missing(folder, rows, seeds, options)
    again = {seed for group in groups for seed in group}
    found = {
        seed: _rollout(folder, rows[seed], film=options.film) for seed in seeds if seed not in again
    }
    if groups:  # lines are appended to those that stay valid
        _write(folder, [row for seed, row in rows.items() if seed not in again])

    def tell() -> None:
        progress(step, len(found.keys() & set(seeds)), len(seeds), "episodes")

    tell()
    with closing(run_groups(controller, make_scene, groups, times)) as running:
        for episodes in running:
            _keep(folder, episodes)
            found |= {episode.seed: episode for episode in episodes}
            tell()
    return [found[seed] for seed in seeds]


def missing_groups(folder: Path, seeds: Sequence[int], options: ControlOptions) -> list[range]:
    """The groups of seeds that `evaluate_policy` would run, because the folder lacks them."""
    return _missing(folder, _read(folder), seeds, options)


def _missing(
    folder: Path, rows: Mapping[int, EpisodeRow], seeds: Sequence[int], options: ControlOptions
) -> list[range]:
    size = options.lockstep
    groups = (range(size * n, size * (n + 1)) for n in sorted({seed // size for seed in seeds}))

    def is_kept(seed: int) -> bool:
        return seed in rows and (not options.film or _film(folder, seed).exists())

    return [group for group in groups if not all(map(is_kept, group))]


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
    rows = [
        EpisodeRow(seed=each.seed, success=each.success, steps=each.steps, state=each.state)
        for each in group
    ]
    with _told(folder):
        for each in group:
            if each.film is not None:
                with whole_file(_film(folder, each.seed)) as file:
                    file.write_bytes(each.film)
        with (folder / EPISODES).open("a", encoding="utf-8") as lines:
            lines.write(_lines(rows))


def _write(folder: Path, rows: Sequence[EpisodeRow]) -> None:
    with _told(folder), whole_file(folder / EPISODES) as file:
        file.write_text(_lines(rows), encoding="utf-8")


def _lines(rows: Sequence[EpisodeRow]) -> str:
    return "".join(f"{json.dumps(row.to_dict())}\n" for row in rows)


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Turn an error of the disk into one that says what to do."""
    try:
        yield
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
