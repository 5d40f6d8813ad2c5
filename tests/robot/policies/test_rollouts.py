"""Closed loop, in a scene that needs no simulator and in the simulated one."""

import threading
from copy import deepcopy
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from tests.robot import toy

from polyscale.errors import RunError
from polyscale.robot import (
    Controller,
    ControlOptions,
    ControlTimes,
    PickingScene,
    make_policy,
    run_rollouts,
)
from polyscale.robot.policies import rollouts
from polyscale.robot.policies.lockstep import FILM_PX


def test_a_policy_that_knows_where_the_square_is_reaches_it(told):
    episodes = toy.act(told)
    assert [episode.seed for episode in episodes] == list(toy.SEEDS)
    assert sum(episode.success for episode in episodes) >= 5
    for episode in episodes:
        assert episode.success == (episode.steps < 8) or episode.steps == 8
        away = np.abs(np.subtract(episode.state[:2], episode.state[2:])).max()
        assert episode.success == (away < 0.08)


def test_episodes_alone_and_together_agree_up_to_rounding(seeing):
    """A batch of another size may round otherwise: to a few parts in a million."""
    alone, together = toy.act(seeing), toy.act(seeing, lockstep=4)
    for one, other in zip(alone, together, strict=True):
        assert (one.seed, one.success, one.steps) == (other.seed, other.success, other.steps)
        np.testing.assert_allclose(one.state, other.state, rtol=1e-4, atol=1e-5)


def test_episodes_do_not_depend_on_threads(seeing, monkeypatch):
    threads = set()

    class Watched(toy.Plane):
        def reset(self, seed):
            threads.add(threading.get_ident())
            return super().reset(seed)

    alone = toy.act(seeing)
    monkeypatch.setattr(rollouts, "share_out", lambda module: (module, 2))
    controller = replace(seeing, options=replace(seeing.options, parallel=True))
    both = sorted(run_rollouts(controller, Watched, toy.SEEDS), key=lambda episode: episode.seed)
    assert len(threads) == 2
    for one, other in zip(alone, both, strict=True):
        assert (one.seed, one.success, one.steps) == (other.seed, other.success, other.steps)
        np.testing.assert_allclose(one.state, other.state, rtol=1e-4, atol=1e-5)


def test_no_more_scenes_are_made_than_run(told):
    made = []

    def make():
        made.append(toy.Plane())
        return made[-1]

    controller = replace(told, options=replace(told.options, lockstep=100))
    assert len(list(run_rollouts(controller, make, toy.SEEDS))) == len(made) == len(toy.SEEDS)


def test_pictures_matter_where_a_policy_sees(seeing):
    class Dark(toy.Plane):
        def _observe(self):
            observation = super()._observe()
            return replace(observation, image=np.zeros_like(observation.image))

    lit = next(run_rollouts(seeing, toy.Plane, toy.SEEDS[:1]))
    dark = next(run_rollouts(seeing, Dark, toy.SEEDS[:1]))
    assert lit.state != dark.state


@pytest.mark.parametrize("action_steps", [1, 3])
def test_so_many_actions_are_carried_out_before_the_next_are_predicted(told, action_steps):
    calls = []
    predict = told.policy.predict

    def watched(seen, *others):
        calls.append(seen.shape[1])
        return predict(seen, *others)

    told.policy.predict = watched
    try:
        controller = replace(
            told, options=replace(told.options, action_steps=action_steps, horizon=7)
        )
        episode = next(run_rollouts(controller, lambda: Far(), toy.SEEDS[:1]))
    finally:
        del told.policy.predict
    assert episode.steps == 7
    assert calls == [min(step + 1, told.policy.history) for step in range(0, 7, action_steps)]


class Far(toy.Plane):
    """Its square cannot be reached."""

    def _observe(self):
        return replace(super()._observe(), success=False)


def test_a_film_shows_the_episode(told):
    (episode,) = run_rollouts(
        replace(told, options=replace(told.options, film=True)), Far, toy.SEEDS[:1]
    )
    film = Image.open(BytesIO(episode.film))
    assert film.format == "WEBP"
    assert film.size == (FILM_PX, FILM_PX)
    assert film.n_frames > 1
    assert toy.act(told)[0].film is None


def test_time_is_told(seeing):
    seconds = ControlTimes()
    episodes = list(run_rollouts(seeing, toy.Plane, toy.SEEDS[:3], seconds))
    assert seconds.steps == sum(episode.steps for episode in episodes)
    assert min(seconds.scene, seconds.encoder, seconds.policy) > 0


def test_actions_that_are_no_numbers_stop_the_run(told):
    bias = told.policy.action_head[1].bias
    kept = bias.detach().clone()
    with torch.no_grad():
        bias.fill_(np.nan)
    try:
        with pytest.raises(RunError, match="actions must be finite"):
            toy.act(told)
    finally:
        with torch.no_grad():
            bias.copy_(kept)


def test_a_policy_is_told_what_was_carried_out(told):
    """Not what it predicted, because the scene clips actions, and so did demonstrations."""
    previous, policy = [], deepcopy(told.policy)
    with torch.no_grad():
        policy.action_head[1].bias.fill_(50)
    predict = policy.predict

    def watched(tokens, states, previous_actions):
        previous.append(previous_actions[:, -1])
        return predict(tokens, states, previous_actions)

    policy.predict = watched
    next(run_rollouts(replace(told, policy=policy), Far, toy.SEEDS[:1]))
    assert torch.cat(previous[1:]).unique().tolist() == pytest.approx([toy.Plane.action_limit])


def test_an_error_of_the_scene_reaches_the_caller(told):
    class Broken(toy.Plane):
        def step(self, action):
            raise RuntimeError("the table broke")

    with pytest.raises(RuntimeError, match="the table broke"):
        list(run_rollouts(told, Broken, toy.SEEDS))


def test_the_simulated_scene_is_such_a_scene(drawn, told):
    """It runs in other threads than the one that made the policy."""
    policy = make_policy(
        toy.ImitationData(
            maps=toy.ArrayMaps(np.random.default_rng(0).normal(size=(4, 4, 4, 12))),
            states=np.random.default_rng(1).normal(size=(4, 7)).astype(np.float32),
            actions=np.random.default_rng(2).normal(size=(4, 4)).astype(np.float32),
            episode_of=np.zeros(4, np.int64),
        ),
        np.arange(4),
        seed=0,
        **toy.SMALL,
    ).eval()
    options = ControlOptions(horizon=2, lockstep=2)
    controller = Controller(module=told.module, policy=policy, options=options)
    episodes = list(
        run_rollouts(controller, lambda: PickingScene(drawn.settings, drawn.side_px), (1, 2, 3))
    )
    assert sorted(episode.seed for episode in episodes) == [1, 2, 3]
    assert all(episode.steps == 2 and not episode.success for episode in episodes)
