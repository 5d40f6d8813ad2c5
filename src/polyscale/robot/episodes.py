"""Episodes that were judged, kept as they come, so that a killed evaluation goes on."""

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
    """An episode for each seed, in their order; those that a folder holds are not run again.

    Args:
        controller: what acts.
        make_scene: called in the threads that run episodes.
        seeds: of the episodes.
        folder: for episodes of this controller in this scene alone.
        step: how progress calls it.
        progress: told after every episode.
        seconds: is told where the time of those that run went.

    Raises:
        RunError: if the disk refuses, or an action is not finite.
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
    """The film first, so that an episode whose line is there is complete."""
    facts = {name: getattr(episode, name) for name in ("seed", "lifted", "steps", "state")}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if episode.film is not None:
            with whole_file(_film(folder, episode.seed)) as file:
                file.write_bytes(episode.film)
        with (folder / EPISODES).open("a", encoding="utf-8") as lines:
            lines.write(f"\n{json.dumps(facts)}")  # behind a line that was cut off
    except OSError as error:
        raise RunError(
            f"episodes cannot be written to {folder} ({error.strerror or error}). Make room, or "
            "choose another folder."
        ) from error


def _read(folder: Path) -> dict[int, Episode]:
    """Seed → its episode. A line that is cut off or damaged is as if it were not there."""
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
