"""`fetch` or `lerobot:DIR` → demonstrations, and what policies are tested on."""

import sys
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path

import numpy as np

from polyscale.data import DemonstrationData, Demonstrations, EvaluationScenes
from polyscale.data.lerobot import (
    ACTION,
    PRIVILEGED,
    SCENE_FILE,
    STATE,
    Recording,
    read_lerobot,
)
from polyscale.data.options import split_options, to_count, to_path
from polyscale.errors import InputError, near_matches
from polyscale.records import DataReport
from polyscale.robot.demonstrations.evaluation_scenes import make_evaluation_scenes
from polyscale.robot.demonstrations.recording import EPISODES, record
from polyscale.robot.simulation.scene import (
    ACTION_NAMES,
    PRIVILEGED_NAMES,
    STATE_NAMES,
    simulator_versions,
)
from polyscale.robot.simulation.settings import SceneSettings
from polyscale.types import Progress, silent

FETCH = "fetch"
LEROBOT = "lerobot"

TRIALS = 100
"""Default number of test episodes in the simulated scene."""

MIN_EPISODES = 2
"""Least number of training episodes: one to train on, and one to choose among candidates."""

SIZE_OPTIONS = ("trials", "limit")

TEST_SHARE = 5
"""If the scene cannot be simulated, one in this many episodes is held out for testing."""


def load_demonstrations(
    source: str, *, seed: int = 0, cache: str | Path | None = None, progress: Progress = silent
) -> DemonstrationData:
    """Load demonstrations of a robot.

    Args:
        source: `fetch`, demonstrations of a simulated robot that picks a cube, which are recorded
            once; or `lerobot:DIR`, a data set in LeRobot's layout, version 3, with images. Options
            follow a question mark: `fetch?episodes=60&trials=200`, `lerobot:DIR?camera=wrist`, and
            `?limit=N` for at most N training and N test episodes.
        seed: of the split into training and test episodes, if the scene cannot be simulated.
        cache: folder for demonstrations of `fetch`, and for the hashes of files; None keeps
            nothing.
        progress: told what is being done.

    Raises:
        InputError: if there are no such data, or they cannot be used.
        MissingExtraError: if a package is not installed.
        RunError: if no library can render, or files cannot be written.
    """
    folder, options = _read_source(source)
    limit = _count(options, "limit", sys.maxsize)
    trials = min(_count(options, "trials", TRIALS), limit)
    if folder is None:
        episodes = min(_count(options, "episodes", EPISODES), limit)
        folder = _recorded(source, episodes, cache, progress)
    recording = read_lerobot(folder, camera=options.get("camera"), cache=cache, progress=progress)
    if recording.scene is None and "trials" in options:
        raise InputError(
            f"option trials of data must be left out for {source}, whose scene cannot be "
            f"simulated: one in {TEST_SHARE} of its episodes is held out for the test."
        )
    train, test = _split(source, recording, trials=trials, seed=seed)
    remarks: tuple[str, ...] = ()
    if isinstance(test, EvaluationScenes):
        about = f"{trials} scenes that no demonstration shows"
        if recording.simulator != (used := simulator_versions()):
            remarks = (
                f"The demonstrations were recorded with {_versions(recording.simulator)}, but "
                f"policies are tested with {_versions(used)}.",
            )
    else:
        test = _first(test, limit)
        about = f"every {TEST_SHARE}th episode drawn for testing by seed {seed}"
    return DemonstrationData(
        name=source,
        train=_first(train, limit),
        test=test,
        about=about,
        report=DataReport(remarks=remarks),
        scene=recording.scene,
        fps=recording.fps,
        is_drawn=recording.scene is None,
    )


def _versions(simulator: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in simulator.items())


def _read_source(source: str) -> tuple[Path | None, dict[str, str]]:
    """The folder, or None for `fetch`, whose folder is in the cache; and the options."""
    scheme, colon, rest = source.partition(":")
    if scheme == LEROBOT and rest:
        place, options = split_options(rest, ("camera", *SIZE_OPTIONS))
        return to_path(place), options
    if scheme.partition("?")[0] == FETCH and not colon:
        _, options = split_options(source, ("episodes", *SIZE_OPTIONS))
        return None, options
    raise InputError(
        f"data must be {FETCH} or {LEROBOT}:DIR, but got {source!r}."
        f"{near_matches(scheme, (FETCH, LEROBOT))}"
    )


def _split(
    source: str, recording: Recording, *, trials: int, seed: int
) -> tuple[Demonstrations, EvaluationScenes | Demonstrations]:
    """Demonstrations to train on, and what policies are tested on."""
    shown = recording.demonstrations
    if recording.scene is not None:
        settings = SceneSettings.from_json(recording.scene)
        _check_layout(source, shown)
        return shown, make_evaluation_scenes(settings, trials, shown.read(0).width)
    num_test = max(1, shown.num_episodes // TEST_SHARE)
    if shown.num_episodes - num_test < MIN_EPISODES:
        raise InputError(
            f"data {source} must have at least {MIN_EPISODES + 1} episodes, but has "
            f"{shown.num_episodes}. Record more."
        )
    order = np.random.default_rng(seed).permutation(shown.num_episodes)
    test, train = np.sort(order[:num_test]), np.sort(order[num_test:])
    return shown.take_episodes(train), shown.take_episodes(test)


def _check_layout(source: str, shown: Demonstrations) -> None:
    """Refuse demonstrations that are not what the simulated scene shows and takes."""
    parts = [(STATE, shown.states, STATE_NAMES), (ACTION, shown.actions, ACTION_NAMES)]
    if shown.privileged is not None:
        parts.append((PRIVILEGED, shown.privileged, PRIVILEGED_NAMES))
    wrong = [
        f"{values.shape[1]} numbers of {name}, not {len(names)}"
        for name, values, names in parts
        if values.shape[1] != len(names)
    ]
    width, height = shown.read(0).size
    if width != height:
        wrong.append(f"frames of {width} × {height} pixels, which are not square")
    if wrong:
        raise InputError(
            f"data {source} must have the layout of the scene that its {SCENE_FILE} names, but has "
            f"{'; '.join(wrong)}. Record it again, or delete that file, so that policies are "
            "judged by the error of their actions."
        )


def _first(shown: Demonstrations, num: int) -> Demonstrations:
    """At most the first `num` episodes."""
    return shown.take_episodes(np.arange(min(num, shown.num_episodes)))


def _recorded(source: str, episodes: int, cache: str | Path | None, progress: Progress) -> Path:
    """The folder with demonstrations of the default scene, which are recorded if necessary."""
    if cache is None:
        raise InputError(
            f"data {source} must have a cache to be recorded into, but cache is None. Record it "
            f"with polyscale robot record --out DIR, and use {LEROBOT}:DIR as data."
        )
    scene = SceneSettings()
    words = repr((simulator_versions(), scene, episodes))
    key = blake2b(words.encode(), digest_size=8).hexdigest()
    out = Path(cache) / "demonstrations" / f"{FETCH}-{key}"
    return record(out, episodes, scene=scene, progress=progress).out


def _count(options: Mapping[str, str], name: str, default: int) -> int:
    return to_count(name, options[name], MIN_EPISODES) if name in options else default
