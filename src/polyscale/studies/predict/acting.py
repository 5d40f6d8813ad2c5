"""A trained policy in scenes of its own, as films."""

from hashlib import blake2b
from pathlib import Path

from polyscale.errors import InputError
from polyscale.learning.training import check_training_folder, training_folder
from polyscale.robot import Episode
from polyscale.robot.settings import check_whole
from polyscale.studies.predict.loading import Predictor
from polyscale.tasks import Actor
from polyscale.types import Progress, silent

FIRST_SEED = 3 * 10**9
"""Beyond the scenes of all recordings, before those by which candidates are chosen and tested."""

MOST = 10**6
"""Episodes, and seeds."""

FILM_BYTES = 300_000
"""Of a film, about."""


def act_in_scenes(
    predictor: Predictor,
    out: str | Path,
    *,
    episodes: int = 10,
    seed: int = 0,
    progress: Progress = silent,
) -> list[Episode]:
    """Let a policy act in scenes that it was neither trained nor compared in.

    Given again, also with more episodes, the call goes on where it was stopped.

    Args:
        predictor: an `Actor`, as `load_predictor` returns it for a policy.
        out: new folder, or that of this policy. It gets `episodes.jsonl` with a line for each
            episode (seed, whether the cube was lifted, actions, and what the simulator knows at the
            end), and its film, `films/SEED.webp`.
        episodes: number of them.
        seed: the first scene, from 0; the others follow it.
        progress: told after every episode.

    Raises:
        InputError: if an argument is none of these, or the folder holds anything else.
        RunError: if nothing draws, the disk refuses, or an action is not finite.
    """
    if not isinstance(predictor, Actor):
        raise InputError(
            "head must be a policy that polyscale compare --task picking trained, but it is a head "
            "that predicts pictures. Use polyscale predict for it."
        )
    check_whole("episodes", episodes, 1, MOST)
    check_whole("seed", seed, 0, MOST)
    out, options = Path(out), predictor.options
    facts = {
        "candidate": predictor.facts.get("candidate"),
        "policy": _hash_of(predictor),
        "scene": predictor.scene.to_json(),
        "execute": options.execute,
        "horizon": options.horizon,
    }
    given = {"file": "policy.json", "kind": "policy"}
    check_training_folder(out, facts, **given)
    seeds = range(FIRST_SEED + seed, FIRST_SEED + seed + episodes)
    with training_folder(out, facts, episodes * FILM_BYTES, file=given["file"]):
        return predictor.act(seeds, out, progress=progress)


def _hash_of(actor: Actor) -> str:
    """Changes with the weights of the policy."""
    digest = blake2b(digest_size=8)
    for name, values in actor.policy.state_dict().items():
        digest.update(name.encode())
        digest.update(values.cpu().numpy().tobytes())
    return digest.hexdigest()
