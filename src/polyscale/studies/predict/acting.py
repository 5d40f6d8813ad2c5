"""Lets a trained policy act in new scenes, and films it."""

from pathlib import Path

from polyscale.checks import check_integer
from polyscale.errors import InputError
from polyscale.features import one_process, weights_hash
from polyscale.learning.training import check_training_folder, training_folder
from polyscale.robot import Rollout
from polyscale.robot.policies.evaluation import missing_groups
from polyscale.robot.simulation.scene import simulator_versions
from polyscale.robot.simulation.seeds import ACTING
from polyscale.studies.predict.loading import Predictor
from polyscale.tasks import Actor
from polyscale.types import Progress, silent

MOST = 10**6
"""Largest number of episodes, and largest seed."""

FILM_BYTES = 300_000
"""Disk space of a film, estimated generously."""


def check_episodes(episodes: int, seed: int) -> None:
    """Raise an InputError for numbers that `act_in_scenes` does not take."""
    check_integer("episodes", episodes, 1, MOST)
    check_integer("seed", seed, 0, MOST)


def act_in_scenes(
    predictor: Predictor,
    out: str | Path,
    *,
    episodes: int = 10,
    seed: int = 0,
    progress: Progress = silent,
) -> list[Rollout]:
    """Let a policy act in scenes that were used neither to train nor to compare it.

    The same call, also with more episodes, continues an interrupted one.

    Args:
        predictor: an `Actor`, as `load_predictor` returns it for a policy.
        out: new folder, or a folder of earlier episodes of this policy. It gets
            `episodes.jsonl` with a line for each episode (see `EpisodeRow`) and `films/SEED.webp`.
            Episodes run in groups, so there may be a few more than were asked for.
        episodes: number of episodes, 1 to a million.
        seed: number of the first scene, 0 to a million; the next ones follow.
        progress: told after every group of episodes.

    Raises:
        InputError: if an argument is not valid, or the folder holds anything else.
        RunError: if no library can render, files cannot be written, or an action is not finite.
    """
    if not isinstance(predictor, Actor):
        raise InputError(
            "head must be a policy that polyscale compare --task picking trained, but it is a head "
            "that makes predictions about pictures. Use polyscale predict for it."
        )
    check_episodes(episodes, seed)
    out, options = Path(out), predictor.options
    facts = {
        "candidate": predictor.facts.get("candidate"),
        "policy": weights_hash(predictor.policy),
        "scene": predictor.scene.to_json(),
        "simulator": simulator_versions(),
        "action_steps": options.action_steps,
        "horizon": options.horizon,
    }
    given = {"file": "policy.json", "kind": "policy"}
    check_training_folder(out, facts, **given)
    seeds = ACTING[seed : seed + episodes]
    num_bytes = sum(map(len, missing_groups(out, seeds, options))) * FILM_BYTES
    with training_folder(out, facts, num_bytes, file=given["file"]), one_process(out):
        return predictor.act(seeds, out, progress=progress)
