"""Demonstrations of the expert → a data set in LeRobot's layout."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from polyscale.data.lerobot import ACTION, OWN_FACTS, PRIVILEGED, STATE
from polyscale.errors import RunError, require
from polyscale.features import one_process
from polyscale.learning.training import check_training_folder, training_folder
from polyscale.robot.expert import expert_action
from polyscale.robot.lerobot_writer import (
    STATISTICS,
    Episode,
    Layout,
    finish,
    read_seed,
    write_episode,
)
from polyscale.robot.scene import ACTION_NAMES, FPS, PRIVILEGED_NAMES, STATE_NAMES, PickingScene
from polyscale.robot.settings import SceneSettings, check_whole
from polyscale.types import Progress, silent

TASK = "Lift the red cube."

CAMERA = "observation.images.front"

TRIES = 1_000_000
"""Scenes that a recording may try; recordings of other seeds try others."""

MAX_SEED = 1_000
"""Of a recording. Policies are tested in scenes beyond those of all recordings."""

MAX_FAILED = 20
"""Scenes in turn in which the expert may fail."""

FRAMES = 20
"""Of an episode of the expert, about, and rather more than it has."""

BYTES_A_PIXEL = 0.5
"""Of a frame on the disk; the default scene takes 0.35."""


@dataclass(frozen=True)
class Recorded:
    """What a recording made.

    Attributes:
        out: folder in LeRobot's layout.
        num_episodes: in it, in all of which the expert succeeded.
        num_frames: in it.
        num_failed: scenes in which the expert failed; they are left out.
    """

    out: Path
    num_episodes: int
    num_frames: int
    num_failed: int


def record(
    out: str | Path,
    episodes: int = 120,
    seed: int = 0,
    *,
    scene: SceneSettings | None = None,
    side_px: int = 448,
    progress: Progress = silent,
) -> Recorded:
    """Let the expert pick the cube, and keep what it saw and did.

    A recording that was interrupted is continued by the same call, and ends with the same bytes.

    Args:
        out: new folder, or that of this recording.
        episodes: with success, which alone are kept.
        seed: of the scenes, 0 to 1000; other seeds show other scenes.
        scene: its settings; the default ones if None.
        side_px: height and width of the frames.
        progress: told what is being done.

    Raises:
        InputError: if an argument is none of these, or `out` holds anything else, such as a damaged
            episode.
        MissingExtraError: if MuJoCo or another package is not installed.
        RunError: if nothing draws, the disk refuses, or the expert fails again and again.
    """
    for package in ("pyarrow", "pandas"):
        require(package, extra="robot", feature="polyscale robot record")
    check_whole("episodes", episodes, 1, TRIES)
    check_whole("seed", seed, 0, MAX_SEED)
    check_whole("side_px", side_px, 16, 4096)
    out, settings = Path(out), scene or SceneSettings()
    facts = {"episodes": episodes, "seed": seed, "side_px": side_px, "scene": settings.to_json()}
    check_training_folder(out, facts, file=OWN_FACTS, kind="recording")
    layout = _layout(side_px)
    done, num_frames, next_seed = _find(out, episodes, seed * TRIES)
    if done < episodes or not (out / STATISTICS).exists():
        num_bytes = round((episodes - done) * FRAMES * side_px**2 * BYTES_A_PIXEL)
        with training_folder(out, facts, num_bytes, file=OWN_FACTS), one_process(out):
            num_frames, next_seed = _continue(
                out, layout, episodes, seed * TRIES, settings, progress
            )
            finish(out, layout)
    return Recorded(out, episodes, num_frames, next_seed - seed * TRIES - episodes)


def _find(out: Path, episodes: int, first_seed: int) -> tuple[int, int, int]:
    """Episodes that are there, their frames, and the seed after the last one."""
    done, num_frames, next_seed = 0, 0, first_seed
    while done < episodes and (found := read_seed(out, done)) is not None:
        done, num_frames, next_seed = done + 1, num_frames + found[1], found[0] + 1
    return done, num_frames, next_seed


def _continue(
    out: Path,
    layout: Layout,
    episodes: int,
    first_seed: int,
    settings: SceneSettings,
    progress: Progress,
) -> tuple[int, int]:
    """Record the episodes that are missing: frames of all, and the seed after the last one."""
    done, num_frames, next_seed = _find(out, episodes, first_seed)
    step = "recording"
    progress(step, done, episodes, "episodes")
    if done == episodes:
        return num_frames, next_seed
    with PickingScene(settings, layout.size_hw[0]) as scene:
        for index in range(done, episodes):
            episode = _next_success(scene, next_seed)
            write_episode(out, layout, index, num_frames, episode)
            num_frames, next_seed = num_frames + len(episode.frames), episode.seed + 1
            progress(step, index + 1, episodes, "episodes")
    return num_frames, next_seed


def _next_success(scene: PickingScene, first_seed: int) -> Episode:
    """The first episode from a seed on in which the expert succeeds."""
    for seed in range(first_seed, first_seed + MAX_FAILED):
        episode = demonstrate(scene, seed)
        if episode is not None:
            return episode
    raise RunError(
        f"the expert failed in {MAX_FAILED} scenes in turn, from seed {first_seed} on. "
        "Give the scene a longer horizon, or a smaller range of the cube."
    )


def demonstrate(scene: PickingScene, seed: int) -> Episode | None:
    """One episode of the expert, or None if it fails.

    Args:
        scene: any.
        seed: what it is reset with.
    """
    seen, actions = [scene.reset(seed)], list[Any]()
    while len(actions) < scene.settings.horizon and not seen[-1].lifted:
        actions.append(expert_action(seen[-1].privileged))
        seen.append(scene.step(actions[-1]))
    if not seen[-1].lifted:
        return None
    before = seen[:-1]
    return Episode(
        frames=[observation.picture for observation in before],
        states=np.stack([observation.state for observation in before]),
        actions=np.stack(actions),
        privileged=np.stack([observation.privileged for observation in before]),
        seed=seed,
    )


def _layout(side_px: int) -> Layout:
    names = {STATE: STATE_NAMES, PRIVILEGED: PRIVILEGED_NAMES, ACTION: ACTION_NAMES}
    return Layout(
        camera=CAMERA,
        size_hw=(side_px, side_px),
        names=names,
        fps=FPS,
        robot="fetch",
        task=TASK,
    )
