"""Behaviour cloning: a policy learns to predict the actions of demonstrations."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from polyscale.features import channel_statistics
from polyscale.learning.training import (
    TrainContext,
    TrainReport,
    TrainSettings,
    batch_indices,
    train,
)
from polyscale.robot.policies.policy import Policy
from polyscale.robot.policies.windows import ImitationData, WindowBatch


def make_policy(
    data: ImitationData, frames: NDArray[np.int64], *, seed: int, **options: Any
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
        rows = torch.from_numpy(values[frames]).double()
        part.fit(rows.mean(dim=0), rows.std(dim=0, correction=0))
    return policy


def train_policy(
    policy: Policy,
    data: ImitationData,
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
    starts = data.starts(frames, policy.history)

    def read(step: int) -> WindowBatch:
        chosen = batch_indices(
            step, num_examples=len(starts), batch=settings.batch, seed=settings.seed
        )
        return data.windows(starts[chosen], policy)

    return train(policy, imitation_loss, read, settings, context)


def imitation_loss(policy: Policy, batch: WindowBatch) -> Float[Tensor, ""]:
    """Mean squared error of all valid actions, in units of their variance."""
    predicted = policy(batch.maps, batch.states, batch.previous_actions)
    errors = (predicted - policy.action(batch.actions)).square().mean(dim=-1)
    return errors[batch.valid].mean()


@torch.inference_mode()
def action_errors(
    policy: Policy, data: ImitationData, frames: NDArray[np.int64], *, batch: int = 64
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
    starts = data.starts(frames, policy.history)
    for chosen in np.split(starts, np.arange(batch, len(starts), batch)):
        windows = data.windows(chosen, policy)
        predicted = policy(windows.maps, windows.states, windows.previous_actions)
        squared = (predicted - policy.action(windows.actions)).square().mean(dim=-1)
        valid = windows.valid
        of_frame = ((squared * valid).sum(dim=2) / valid.sum(dim=2)).cpu().numpy()
        # each frame is judged with as long a history as possible: all frames of the first window
        # of an episode, but only the last frame of later windows
        for start, own in zip(chosen, of_frame, strict=True):
            steps = np.arange(0 if data.is_first[start] else policy.history - 1, policy.history)
            steps = steps[start + steps < data.stops[start]]
            errors[start + steps] = own[steps]
    return errors[frames]
