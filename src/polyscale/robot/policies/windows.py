"""Demonstrations as training data: windows of consecutive frames."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from polyscale.errors import InputError
from polyscale.features import MapSource
from polyscale.robot.policies.policy import Policy

MIN_FRAMES = 2
"""Least number of frames in an episode."""


class WindowBatch(NamedTuple):
    """Windows of consecutive frames, padded at the end where an episode ends earlier.

    States and actions are not standardised.

    Attributes:
        maps: feature maps of the frames.
        states: of the robot.
        previous_actions: the action before each frame; the mean action at the first frame of an
            episode.
        actions: the action at each frame, and those that follow it.
        valid: False where an action is padding, because the episode has ended.
    """

    maps: Float[Tensor, "batch steps height width channels"]
    states: Float[Tensor, "batch steps num_state"]
    previous_actions: Float[Tensor, "batch steps num_action"]
    actions: Float[Tensor, "batch steps chunk_size num_action"]
    valid: Bool[Tensor, "batch steps chunk_size"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ImitationData:
    """Demonstrations as training data: the frames of one episode after another.

    Attributes:
        maps: feature maps of all frames (num_frames, height, width, channels).
        states: float32 (num_frames, num_state).
        actions: float32 (num_frames, num_action).
        episode_of: index of each frame's episode, in ascending order, int64 (num_frames,).

    Raises:
        InputError: if the numbers of frames differ, a value is not finite, frames are not sorted by
            episode, or an episode has fewer than two frames.
    """

    maps: MapSource
    states: NDArray[np.float32]
    actions: NDArray[np.float32]
    episode_of: NDArray[np.int64]

    def __post_init__(self) -> None:
        sizes = {len(self.maps), len(self.states), len(self.actions), len(self.episode_of)}
        if len(sizes) > 1:
            raise InputError(
                "demonstrations must have features, a state, an action and an episode for each "
                f"frame, but have different numbers of them: {sorted(sizes)}."
            )
        check_demonstrations(self.states, self.actions, self.episode_of)

    @cached_property
    def stops(self) -> NDArray[np.int64]:
        """For each frame, the index after the last frame of its episode (num_frames,)."""
        _, episode, counts = np.unique(self.episode_of, return_inverse=True, return_counts=True)
        return np.cumsum(counts)[episode]

    @cached_property
    def is_first(self) -> NDArray[np.bool_]:
        """Whether each frame is the first one of its episode (num_frames,)."""
        return np.r_[True, np.diff(self.episode_of) > 0]

    def windows(self, starts: NDArray[np.int64], policy: Policy) -> WindowBatch:
        """Read windows of frames for a policy, and the actions that follow each frame.

        Args:
            starts: index of the first frame of each window (batch,).
            policy: says how long windows are and how many actions it predicts. The mean of its
                training actions takes the place of the action before the first frame of an episode.
        """
        last = self.stops[starts] - 1
        frames = starts[:, None] + np.arange(policy.history)
        following = frames[:, :, None] + np.arange(policy.chunk_size)
        kept = np.minimum(frames, last[:, None])
        device, mean = policy.positions.device, policy.action.mean

        def tensor(array: NDArray[Any]) -> Tensor:
            return torch.from_numpy(array).to(device)

        is_first = tensor(self.is_first[kept])[..., None]
        return WindowBatch(
            maps=tensor(self.maps.take(kept.ravel())).unflatten(0, kept.shape),
            states=tensor(self.states[kept]),
            previous_actions=mean.where(is_first, tensor(self.actions[np.maximum(kept - 1, 0)])),
            actions=tensor(self.actions[np.minimum(following, last[:, None, None])]),
            valid=tensor(following <= last[:, None, None]),
        )

    def starts(self, frames: NDArray[np.int64], history: int) -> NDArray[np.int64]:
        """The frames at which windows begin; a window is padded only if its episode is shorter.

        Args:
            frames: indices of frames to choose from (num,).
            history: number of frames in a window.
        """
        first = np.searchsorted(self.episode_of, self.episode_of[frames])
        return frames[(frames == first) | (frames + history <= self.stops[frames])]


def check_demonstrations(
    states: NDArray[np.float32], actions: NDArray[np.float32], episode_of: NDArray[np.int64]
) -> None:
    """Raise an InputError where a policy cannot learn from the data; see `ImitationData`."""
    for name, values in (("states", states), ("actions", actions)):
        if not np.isfinite(values).all():
            frame = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
            raise InputError(
                f"{name} must be finite, but those of frame {frame} are NaN or infinite. "
                "Leave the episode out, or record it again."
            )
    if len(actions) and (actions == actions[0]).all():
        raise InputError(
            "actions must vary, but all of them are the same. Check which numbers were recorded."
        )
    if (np.diff(episode_of) < 0).any():
        raise InputError(
            "episode_of must be in ascending order, but is not. Sort the frames by episode."
        )
    episodes, counts = np.unique(episode_of, return_counts=True)
    if len(counts) and counts.min() < MIN_FRAMES:
        raise InputError(
            f"episodes must have at least {MIN_FRAMES} frames, but episode "
            f"{episodes[counts.argmin()]} has {counts.min()}. Leave it out."
        )
