"""Records demonstrations of the expert as a data set in LeRobot's layout."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from polyscale.checks import check_integer
from polyscale.data.lerobot import ACTION, PRIVILEGED, SCENE_FILE, STATE
from polyscale.errors import RunError, require
from polyscale.features import one_process
from polyscale.learning.training import check_training_folder, training_folder
from polyscale.robot.demonstrations.lerobot_writer import (
    STATISTICS,
    Episode,
    Layout,
    finish,
    read_seed,
    write_episode,
)
from polyscale.robot.simulation.expert import expert_action
from polyscale.robot.simulation.scene import (
    ACTION_NAMES,
    FPS,
    PRIVILEGED_NAMES,
    STATE_NAMES,
    PickingScene,
    simulator_versions,
)
from polyscale.robot.simulation.seeds import MAX_RECORDING_SEED, RECORDING, SCENES_PER_RECORDING
from polyscale.robot.simulation.settings import SceneSettings
from polyscale.types import Progress, silent

EPISODES = 120
"""Default number of demonstrations."""

TASK = "Lift the red cube."

CAMERA = "observation.images.front"

MAX_FAILED = 20
"""Number of consecutive scenes in which the expert may fail."""

MAX_EPISODES = SCENES_PER_RECORDING // MAX_FAILED
"""Largest number of episodes in a recording, for which its scenes always suffice."""

FRAMES = 20
"""Number of frames in an episode of the expert, estimated generously."""

BYTES_A_PIXEL = 0.5
"""Disk space of a frame, estimated generously: those of the default scene take 0.35."""


@dataclass(frozen=True)
class Recorded:
    """The result of a recording.

    Attributes:
        out: the folder, in LeRobot's layout.
        num_episodes: number of episodes in it; the expert succeeded in all of them.
        num_frames: number of frames in it, over all episodes.
        num_failed: number of scenes in which the expert failed, which are left out.
    """

    out: Path
    num_episodes: int
    num_frames: int
    num_failed: int


def record(
    out: str | Path,
    episodes: int = EPISODES,
    seed: int = 0,
    *,
    scene: SceneSettings | None = None,
    side_px: int = 448,
    progress: Progress = silent,
) -> Recorded:
    """Record episodes in which the expert picks up the cube, as demonstrations.

    The same call continues an interrupted recording, which then ends with the same bytes.

    Args:
        out: a new folder, or the folder of a recording to continue.
        episodes: number of successful episodes to record, 1 to 50 000; failed ones are not kept.
        seed: of the scenes, 0 to 1000; recordings with different seeds share no scene.
        scene: settings of the scene; None for the default ones.
        side_px: height and width of the frames, 16 to 4096.
        progress: told what is being done.

    Raises:
        InputError: if an argument breaks its rule, or `out` holds anything else, such as a damaged
            episode.
        MissingExtraError: if MuJoCo or another package is not installed.
        RunError: if no library can render, files cannot be written, or the expert fails in 20
            consecutive scenes.
    """
    for package in ("pyarrow", "pandas"):
        require(package, extra="robot", feature="polyscale robot record")
    episodes = check_integer("episodes", episodes, 1, MAX_EPISODES)
    seed = check_integer("seed", seed, 0, MAX_RECORDING_SEED)
    side_px = check_integer("side_px", side_px, 16, 4096)
    out, settings = Path(out), scene or SceneSettings()
    first_seed = RECORDING[seed * SCENES_PER_RECORDING]
    facts = {
        "episodes": episodes,
        "seed": seed,
        "side_px": side_px,
        "scene": settings.to_json(),
        "simulator": simulator_versions(),
    }
    check_training_folder(out, facts, file=SCENE_FILE, kind="recording")
    layout = layout_of(side_px)
    done, num_frames, next_seed = _find(out, episodes, first_seed)
    if done < episodes or not (out / STATISTICS).exists():
        num_bytes = round((episodes - done) * FRAMES * side_px**2 * BYTES_A_PIXEL)
        with training_folder(out, facts, num_bytes, file=SCENE_FILE), one_process(out):
            num_frames, next_seed = _continue(out, layout, episodes, first_seed, settings, progress)
            finish(out, layout)
    return Recorded(out, episodes, num_frames, next_seed - first_seed - episodes)


def _find(out: Path, episodes: int, first_seed: int) -> tuple[int, int, int]:
    """Number of episodes in the folder, number of their frames, and the next seed."""
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
    """Record the missing episodes; returns the total number of frames, and the next seed."""
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
    """The first episode in which the expert succeeds, from this seed on."""
    for seed in range(first_seed, first_seed + MAX_FAILED):
        episode = demonstrate(scene, seed)
        if episode is not None:
            return episode
    raise RunError(
        f"the expert failed in {MAX_FAILED} consecutive scenes, from seed {first_seed} on. "
        "Raise horizon or lower cube_range_m in the settings of the scene."
    )


def demonstrate(scene: PickingScene, seed: int) -> Episode | None:
    """Run one episode of the expert; returns None if it fails.

    Args:
        scene: where the expert acts.
        seed: of the episode.
    """
    seen, actions = [scene.reset(seed)], list[Any]()
    while len(actions) < scene.settings.horizon and not seen[-1].success:
        actions.append(expert_action(seen[-1].privileged))
        seen.append(scene.step(actions[-1]))
    if not seen[-1].success:
        return None
    before = seen[:-1]
    return Episode(
        frames=[observation.image for observation in before],
        states=np.stack([observation.state for observation in before]),
        actions=np.stack(actions),
        privileged=np.stack([observation.privileged for observation in before]),
        seed=seed,
    )


def layout_of(side_px: int) -> Layout:
    """The columns of a recording, and the size of its frames."""
    names = {STATE: STATE_NAMES, PRIVILEGED: PRIVILEGED_NAMES, ACTION: ACTION_NAMES}
    return Layout(
        camera=CAMERA,
        size_hw=(side_px, side_px),
        names=names,
        fps=FPS,
        robot="fetch",
        task=TASK,
    )
