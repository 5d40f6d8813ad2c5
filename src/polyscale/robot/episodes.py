"""Finished episodes are written to the disk one by one, so that a killed evaluation continues."""

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from polyscale.errors import RunError
from polyscale.features import whole_file
from polyscale.robot.control import run_episodes
from polyscale.robot.lockstep import Controller, Episode, Scene, Seconds
from polyscale.types import Progress, silent

EPISODES = "episodes.jsonl"
FILMS = "films"


def judge(
    controller: Controller,
    make_scene: Callable[[], Scene],
    seeds: Sequence[int],
    folder: Path,
    *,
    step: str = "episodes",
    progress: Progress = silent,
    seconds: Seconds | None = None,
) -> list[Episode]:
    """Run one episode for each seed; episodes that the folder already holds are not run again.

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
    film = controller.options.film
    known = {
        seed: episode
        for seed, episode in _read(folder).items()
        if not film or episode.film is not None
    }
    missing = [seed for seed in seeds if seed not in known]
    done = len(seeds) - len(missing)
    progress(step, done, len(seeds), "episodes")
    with closing(run_episodes(controller, make_scene, missing, seconds)) as running:
        for episode in running:
            _keep(folder, episode)
            known[episode.seed] = episode
            done += 1
            progress(step, done, len(seeds), "episodes")
    return [known[seed] for seed in seeds]


def _film(folder: Path, seed: int) -> Path:
    return folder / FILMS / f"{seed}.webp"


def _keep(folder: Path, episode: Episode) -> None:
    """Write the film before the line, so that every episode that has a line is complete."""
    facts = {name: getattr(episode, name) for name in ("seed", "lifted", "steps", "state")}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if episode.film is not None:
            with whole_file(_film(folder, episode.seed)) as file:
                file.write_bytes(episode.film)
        with (folder / EPISODES).open("a", encoding="utf-8") as lines:
            lines.write(f"\n{json.dumps(facts)}")  # starts a new line, even after a truncated one
    except OSError as error:
        raise RunError(
            f"episodes cannot be written to {folder} ({error.strerror or error}). Make room, or "
            "choose another folder."
        ) from error


def _read(folder: Path) -> dict[int, Episode]:
    """Seed → its episode. Truncated or damaged lines are ignored."""
    try:
        lines = (folder / EPISODES).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return {}
    episodes = {}
    for line in lines:
        try:
            facts = json.loads(line)
            state = tuple(map(float, facts["state"]))
            seed, steps, lifted = int(facts["seed"]), int(facts["steps"]), bool(facts["lifted"])
        except (ValueError, KeyError, TypeError):
            continue
        try:
            film = _film(folder, seed).read_bytes()
        except FileNotFoundError:
            film = None
        episodes[seed] = Episode(seed=seed, lifted=lifted, steps=steps, state=state, film=film)
    return episodes
