"""Demonstrations of a robot: images, states and actions."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int64
from numpy.typing import NDArray
from PIL import Image

from polyscale.data.dataset import DataSet
from polyscale.data.pictures import Pictures


@dataclass(frozen=True, eq=False)
class Demonstrations:
    """Episodes of a robot, frame by frame; an item is a frame.

    Attributes:
        frames: what the camera saw before each action. The frames of an episode are in the order of
            time, and the episodes follow one another.
        states: what the robot knew of itself at each frame, such as the place of its gripper, but
            nothing of the objects around it.
        actions: what it was told to do then.
        episode_of: index of each frame's episode, from 0, rising without gaps.
        privileged: what only a simulator knows at each frame, such as where the cube is; None where
            it was not recorded.
    """

    frames: Pictures
    states: Float32[np.ndarray, "num_frames num_state"]
    actions: Float32[np.ndarray, "num_frames num_action"]
    episode_of: Int64[np.ndarray, " num_frames"]
    privileged: Float32[np.ndarray, "num_frames num_privileged"] | None = None

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def num_episodes(self) -> int:
        """Episodes, each of at least one frame."""
        return int(self.episode_of[-1]) + 1 if len(self) else 0

    @property
    def ids(self) -> tuple[str, ...]:
        """Name of each frame."""
        return self.frames.ids

    @property
    def fingerprint(self) -> str:
        """Changes when any frame changes."""
        return self.frames.fingerprint

    @property
    def target_fingerprint(self) -> str:
        """Changes when a state, an action or the limits of an episode change."""
        digest = blake2b(digest_size=16)
        parts = (self.states, self.actions, self.episode_of, self.privileged)
        for part in parts:
            digest.update(repr(None if part is None else part.shape).encode())
            digest.update(b"" if part is None else np.ascontiguousarray(part).data)
        return digest.hexdigest()

    def read(self, index: int, min_side: int | None = None) -> Image.Image:
        """One frame; see `ReadImage`."""
        return self.frames.read(index, min_side=min_side)

    def take_episodes(self, indices: NDArray[np.integer]) -> "Demonstrations":
        """The episodes at the indices, in their order, numbered anew."""
        own = [np.flatnonzero(self.episode_of == episode) for episode in indices]
        chosen = np.concatenate([*own, np.empty(0, np.int64)])
        return Demonstrations(
            self.frames.take(chosen),
            self.states[chosen],
            self.actions[chosen],
            np.repeat(np.arange(len(own)), [len(frames) for frames in own]).astype(np.int64),
            None if self.privileged is None else self.privileged[chosen],
        )


@dataclass(frozen=True, eq=False)
class EvaluationScenes:
    """Scenes in which policies are tested, the same ones for every policy; an item is one of them.

    Attributes:
        seeds: what the scene is reset with. They are never those of demonstrations.
        frames: the first frame of each.
        cube_xy_m: x and y of the cube at the beginning, in metres.
    """

    seeds: tuple[int, ...]
    frames: Pictures
    cube_xy_m: Float[np.ndarray, "num 2"]

    def __len__(self) -> int:
        return len(self.seeds)

    @property
    def ids(self) -> tuple[str, ...]:
        """Name of each."""
        return self.frames.ids

    @property
    def fingerprint(self) -> str:
        """Changes when any first frame changes."""
        return self.frames.fingerprint

    def read(self, index: int, min_side: int | None = None) -> Image.Image:
        """The first frame of one; see `ReadImage`."""
        return self.frames.read(index, min_side=min_side)


@dataclass(frozen=True, kw_only=True)
class DemonstrationData(DataSet[Demonstrations | EvaluationScenes]):
    """Demonstrations to learn from, and what policies are tested on.

    Attributes:
        train: demonstrations.
        test: `EvaluationScenes` where the scene of the demonstrations can be simulated, so that a
            policy is judged by what it achieves in it. Otherwise other demonstrations, and a policy
            is judged by how far its actions are from theirs.
        scene: settings of the simulated scene, as `polyscale.robot.SceneSettings` writes them; None
            where it cannot be simulated.
        fps: frames, and actions, a second.
    """

    train: Demonstrations
    test: EvaluationScenes | Demonstrations
    scene: Mapping[str, Any] | None = None
    fps: float
