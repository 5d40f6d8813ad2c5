"""Behaviour cloning: a policy learns to predict the actions of demonstrations."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from polyscale.errors import InputError
from polyscale.features import MapSource, channel_statistics
from polyscale.learning.training import (
    Batches,
    TrainContext,
    TrainReport,
    TrainSettings,
    batch_indices,
    train,
)
from polyscale.robot.policy import Policy

MIN_FRAMES = 2
"""Least number of frames in an episode."""


class WindowBatch(NamedTuple):
    """Windows of consecutive frames, padded at the end where an episode ends earlier.

    States and actions are not standardised.

    Attributes:
        maps: feature maps of the frames.
        states: of the robot.
        before: the action before each frame; `before_first` at the first frame of an episode.
        actions: the action at each frame, and those that follow it.
        known: False where an action is padding, because the episode has ended.
    """

    maps: Float[Tensor, "batch steps height width channels"]
    states: Float[Tensor, "batch steps num_state"]
    before: Float[Tensor, "batch steps num_action"]
    actions: Float[Tensor, "batch steps future num_action"]
    known: Bool[Tensor, "batch steps future"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Demonstrated:
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

    def windows(
        self,
        starts: NDArray[np.int64],
        *,
        before_first: NDArray[np.float32],
        history: int,
        future: int,
        device: str = "cpu",
    ) -> WindowBatch:
        """Read windows of frames, and the actions that follow each frame.

        Args:
            starts: index of the first frame of each window (batch,).
            before_first: takes the place of the action before the first frame of an episode: the
                mean action of the training frames, also if other frames are judged (num_action,).
            history: number of frames in a window.
            future: number of actions for each frame, beginning with its own.
            device: of the tensors.
        """
        stops = self.stops
        last = stops[starts] - 1
        frames = starts[:, None] + np.arange(history)
        following = frames[:, :, None] + np.arange(future)
        kept = np.minimum(frames, last[:, None])
        first = np.r_[True, np.diff(self.episode_of) > 0]
        before = self.actions[np.maximum(kept - 1, 0)]
        before[first[kept]] = before_first
        maps = self.maps.take(kept.ravel())
        return WindowBatch(
            maps=torch.from_numpy(maps).to(device).unflatten(0, kept.shape),
            states=torch.from_numpy(self.states[kept]).to(device),
            before=torch.from_numpy(before).to(device),
            actions=torch.from_numpy(self.actions[np.minimum(following, last[:, None, None])]).to(
                device
            ),
            known=torch.from_numpy(following <= last[:, None, None]).to(device),
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
    """Raise an InputError where a policy cannot learn from the data; see `Demonstrated`."""
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


def make_policy(
    data: Demonstrated, frames: NDArray[np.int64], *, seed: int, **options: Any
) -> Policy:
    """Make an untrained policy that standardises its inputs by statistics of the training frames.

    Args:
        data: demonstrations.
        frames: indices of the training frames (num,).
        seed: of the initial weights.
        options: arguments of `Policy` that do not follow from the data.
    """
    height, width, channels = data.maps.shape[1:]
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        policy = Policy(
            in_channels=channels,
            grid_hw=(height, width),
            num_state=data.states.shape[1],
            num_action=data.actions.shape[1],
            **options,
        )
    policy.visual.fit(*map(torch.from_numpy, channel_statistics(data.maps, frames)))
    for part, values in ((policy.state, data.states), (policy.action, data.actions)):
        rows = torch.from_numpy(values[frames])
        part.fit(rows.mean(dim=0), rows.std(dim=0, correction=0))
    return policy


def train_policy(
    policy: Policy,
    data: Demonstrated,
    frames: NDArray[np.int64],
    settings: TrainSettings,
    context: TrainContext,
) -> TrainReport:
    """Train a policy in place on windows of these frames.

    A training that was killed continues from its checkpoint with the same result.

    Args:
        policy: a policy that `make_policy` made.
        data: demonstrations.
        frames: indices of the training frames, which form whole episodes (num,).
        settings: of the training; `batch` is a number of windows.
        context: where it runs, and its checkpoint.

    Raises:
        RunError: if the loss becomes NaN or infinite, or the checkpoint cannot be written.
    """
    batches = _batches(data, frames, policy, settings, context)
    return train(policy, imitation_loss, batches, settings, context)


def _batches(
    data: Demonstrated,
    frames: NDArray[np.int64],
    policy: Policy,
    settings: TrainSettings,
    context: TrainContext,
) -> Batches[WindowBatch]:
    starts = data.starts(frames, policy.history)
    before_first = data.actions[frames].mean(axis=0)

    def read(step: int) -> WindowBatch:
        chosen = batch_indices(
            step, num_examples=len(starts), batch=settings.batch, seed=settings.seed
        )
        return data.windows(
            starts[chosen],
            before_first=before_first,
            history=policy.history,
            future=policy.future,
            device=context.device,
        )

    return read


def imitation_loss(policy: Policy, batch: WindowBatch) -> Float[Tensor, ""]:
    """Mean squared error of all known actions, in units of their variance."""
    predicted = policy(batch.maps, batch.states, batch.before)
    errors = (predicted - policy.action(batch.actions)).square().mean(dim=-1)
    return errors[batch.known].mean()


@torch.inference_mode()
def action_errors(
    policy: Policy, data: Demonstrated, frames: NDArray[np.int64], *, batch: int = 64
) -> NDArray[np.float64]:
    """The error of a policy's actions at each frame, given the demonstrated frames before it.

    Args:
        policy: a trained policy.
        data: demonstrations, which the policy need not have been trained on.
        frames: indices of the frames of whole episodes, in ascending order (num_frames,).
        batch: number of windows that are read at once.

    Returns:
        Mean squared error of the predicted actions from each frame on, in units of their variance
        (num_frames,).
    """
    errors = np.full(len(data.episode_of), np.nan)
    starts, device = data.starts(frames, policy.history), str(policy.positions.device)
    first = np.r_[True, np.diff(data.episode_of) > 0]
    before_first = policy.action.mean.cpu().numpy()
    for chosen in np.split(starts, np.arange(batch, len(starts), batch)):
        windows = data.windows(
            chosen,
            before_first=before_first,
            history=policy.history,
            future=policy.future,
            device=device,
        )
        predicted = policy(windows.maps, windows.states, windows.before)
        squared = (predicted - policy.action(windows.actions)).square().mean(dim=-1)
        known = windows.known
        of_frame = ((squared * known).sum(dim=2) / known.sum(dim=2)).cpu().numpy()
        # each frame is judged with as long a history as possible: all frames of the first window
        # of an episode, but only the last frame of later windows
        for start, own in zip(chosen, of_frame, strict=True):
            steps = np.arange(policy.history) if first[start] else np.array([policy.history - 1])
            steps = steps[start + steps < data.stops[start]]
            errors[start + steps] = own[steps]
    return errors[frames]
