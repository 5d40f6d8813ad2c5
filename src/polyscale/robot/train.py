"""Behaviour cloning: a policy learns to repeat what was demonstrated."""

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
"""Of an episode: with fewer there is nothing that follows from what was seen."""


class WindowBatch(NamedTuple):
    """Windows of demonstrations, filled up at the end where an episode ends before.

    Attributes:
        maps: features of the frames.
        states: of the robot.
        before: the action before each frame; what stands for it at the first frame of an episode.
        actions: those of each frame and the ones after it.
        known: whether the episode goes on to that action.
    """

    maps: Float[Tensor, "batch steps height width channels"]
    states: Float[Tensor, "batch steps num_state"]
    before: Float[Tensor, "batch steps num_action"]
    actions: Float[Tensor, "batch steps future num_action"]
    known: Bool[Tensor, "batch steps future"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Demonstrated:
    """Frames of demonstrations as a policy learns from them, episode after episode.

    Attributes:
        maps: feature maps of all frames.
        states: float32 (num_frames, num_state).
        actions: float32 (num_frames, num_action).
        episode_of: the episode of each frame, never falling, int64 (num_frames,).

    Raises:
        InputError: if numbers of frames differ, a number is not finite, episodes are mixed up, or
            one has fewer than two frames.
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
                f"frame, but their numbers are {sorted(sizes)}."
            )
        check_demonstrations(self.states, self.actions, self.episode_of)

    @cached_property
    def stops(self) -> NDArray[np.int64]:
        """The frame after the last one of each frame's episode (num_frames,)."""
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
        """The frames from each start on, and what was done then.

        Args:
            starts: the first frame of each window.
            before_first: stands for the action before the first frame of an episode: the mean
                action of the frames that are learned from, also where others are judged.
            history: frames of a window.
            future: actions that follow each frame, its own among them.
            device: where the tensors are.
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
        """Those of some frames at which windows begin: windows are as full as episodes allow."""
        first = np.searchsorted(self.episode_of, self.episode_of[frames])
        return frames[(frames == first) | (frames + history <= self.stops[frames])]


def check_demonstrations(
    states: NDArray[np.float32], actions: NDArray[np.float32], episode_of: NDArray[np.int64]
) -> None:
    """Refuse what nothing can be learned from; see `Demonstrated`."""
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
            "episode_of must never fall, but episodes are mixed up. Sort the frames by episode."
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
    """An untrained policy for these demonstrations, which standardises as their frames need it.

    Args:
        data: demonstrations.
        frames: those that it will learn from.
        seed: of its first weights.
        options: of `Policy`, besides what the data say.
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
    """Train in place on windows of these frames; a killed training continues exactly.

    Args:
        policy: of `make_policy`.
        data: demonstrations.
        frames: of whole episodes.
        settings: `batch` counts windows.
        context: where it runs, and its checkpoint.

    Raises:
        RunError: if the loss becomes NaN or infinite, or the disk refuses.
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
    """Mean squared error of all known actions, in units of their standard deviation."""
    predicted = policy(batch.maps, batch.states, batch.before)
    errors = (predicted - policy.action(batch.actions)).square().mean(dim=-1)
    return errors[batch.known].mean()


@torch.inference_mode()
def action_errors(
    policy: Policy, data: Demonstrated, frames: NDArray[np.int64], *, batch: int = 64
) -> NDArray[np.float64]:
    """How far a policy is from what was done, at each frame, with the frames before it as shown.

    Args:
        policy: trained.
        data: demonstrations, which may be others than it was trained on.
        frames: of whole episodes, rising.
        batch: windows that are read at once.

    Returns:
        Mean squared error of the actions from there on, in units of their standard deviation
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
        # a policy sees as many frames as it can: a later window says more of its last frame alone
        for start, own in zip(chosen, of_frame, strict=True):
            steps = np.arange(policy.history) if first[start] else np.array([policy.history - 1])
            steps = steps[start + steps < data.stops[start]]
            errors[start + steps] = own[steps]
    return errors[frames]
