"""Behaviour cloning on a problem that needs no simulator."""

import signal
import subprocess
import sys
import time
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.robot import toy

from polyscale.errors import InputError
from polyscale.robot import action_errors, make_policy
from polyscale.robot.policies.train import imitation_loss

ROOT = Path(__file__).parents[3]


def test_what_is_judged_does_not_say_what_stands_before_an_episode(trained):
    """Not even by its mean: other episodes beside one do not change its errors."""
    policy, data = trained[0], toy.demonstrated()
    frames = np.flatnonzero(data.episode_of == 0)
    other = replace(data, actions=np.where(data.episode_of[:, None] == 0, data.actions, 5))
    assert (action_errors(policy, data, frames) == action_errors(policy, other, frames)).all()


def test_unknown_actions_do_not_count():
    data = toy.numbered()
    policy = make_policy(data, np.arange(11), seed=0, **toy.SMALL).eval()
    batch = data.windows(np.array([9]), toy.reader(4, 3))
    other = batch._replace(actions=torch.where(batch.valid[..., None], batch.actions, 1e6))
    assert torch.equal(imitation_loss(policy, batch), imitation_loss(policy, other))


@pytest.fixture(scope="module")
def trained():
    return toy.trained()


def test_a_policy_learns_what_was_shown(trained):
    policy, report = trained
    data = toy.demonstrated()
    errors = action_errors(policy, data, np.arange(len(data.actions)))
    assert errors.mean() < 0.2 < report.losses[0]


def test_errors_are_those_of_what_a_policy_sees_when_it_acts(trained):
    """Each frame with the frames before it, as many as it can read: one after the other."""
    policy, data = trained[0], toy.demonstrated()
    frames = np.arange(len(data.actions))
    expected = []
    with torch.inference_mode():
        for frame in frames:
            first = np.searchsorted(data.episode_of, data.episode_of[frame])
            start = max(first, frame - policy.history + 1)
            reader = copy(policy)
            reader.history = frame - start + 1
            window = data.windows(np.array([start]), reader)
            predicted = policy(window.maps, window.states, window.previous_actions)[0, -1]
            squared = (predicted - policy.action(window.actions[0, -1])).square().mean(dim=-1)
            expected.append(float(squared[window.valid[0, -1]].mean()))
    np.testing.assert_allclose(action_errors(policy, data, frames), expected, rtol=1e-3, atol=1e-6)


def test_statistics_are_those_of_the_frames_that_are_learned_from():
    policy = make_policy(toy.numbered(), np.arange(4), seed=0, **toy.SMALL)
    assert policy.action.mean.tolist() == policy.state.mean.tolist() == [1.5]
    assert policy.visual.mean.tolist() == [1.5]


def test_a_killed_training_continues_to_the_same_weights(tmp_path):
    checkpoint = tmp_path / "policy.safetensors"
    code = (
        "from pathlib import Path; from tests.robot import toy; "
        f"toy.train_slowly(Path({str(checkpoint)!r}))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    while not checkpoint.exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    settings = replace(toy.TRAINING, steps=20, checkpoint_every=1)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        resumed, report = toy.trained(checkpoint, settings=settings)
        whole, _ = toy.trained(settings=settings)
    finally:
        torch.set_num_threads(threads)
    assert 0 < report.resumed_from < 20
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"actions": np.full((11, 1), np.nan, np.float32)}, "actions must be finite, but those of"),
        ({"states": np.full((11, 1), np.inf, np.float32)}, "states must be finite"),
        ({"episode_of": np.r_[np.zeros(10, int), 1]}, "at least 2 frames, but episode 1 has 1"),
        ({"episode_of": np.arange(11)[::-1] // 5}, "episode_of must be in ascending"),
        ({"states": np.zeros((3, 1), np.float32)}, "for each frame, but have different num"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(change, told):
    with pytest.raises(InputError, match=told):
        replace(toy.numbered(), **change)
