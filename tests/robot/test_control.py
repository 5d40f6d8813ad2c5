"""Closed loop, in a scene that needs no simulator and in the simulated one."""

import threading
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from tests.conftest import TinyBackbone
from tests.robot import toy

from polyscale.errors import InputError, RunError
from polyscale.operator.multiscale import MultiScale
from polyscale.robot import (
    Controller,
    ControlOptions,
    PickingScene,
    Seconds,
    control,
    judge,
    make_policy,
    run_episodes,
)
from polyscale.robot.lockstep import FILM_PX

SEEDS = tuple(range(900, 906))


@pytest.fixture(scope="module")
def module():
    torch.manual_seed(0)
    return MultiScale(TinyBackbone(), [1, 2], output_grid="base", prefix="none", tile_batch=16)


@pytest.fixture(scope="module")
def told(module):
    """A controller that is told where the square is."""
    policy, _ = toy.trained()
    return Controller(
        module=module, policy=policy, options=ControlOptions(horizon=8, privileged=True)
    )


@pytest.fixture(scope="module")
def seeing(module):
    """A controller whose untrained policy depends on pictures."""
    data = toy.demonstrations(4)
    shown = [np.asarray(data.read(i)) for i in range(len(data))]
    with torch.inference_mode():
        images = module.preprocess([Image.fromarray(picture) for picture in shown])
        maps = module(images).map.permute(0, 2, 3, 1).numpy()
    learned = toy.Demonstrated(
        maps=toy.ArrayMaps(maps),
        states=data.states,
        actions=data.actions,
        episode_of=data.episode_of,
    )
    policy = make_policy(learned, np.arange(len(data)), seed=0, **toy.SMALL).eval()
    options = ControlOptions(horizon=5, lockstep=1)
    return Controller(module=module, policy=policy, options=options)


def act(controller, **options):
    controller = replace(controller, options=replace(controller.options, **options))
    episodes = run_episodes(controller, lambda: toy.Plane(side_px=toy.SIDE_PX), SEEDS)
    return sorted(episodes, key=lambda episode: episode.seed)


def test_a_policy_that_knows_where_the_square_is_reaches_it(told):
    episodes = act(told)
    assert [episode.seed for episode in episodes] == list(SEEDS)
    assert sum(episode.lifted for episode in episodes) >= 5
    for episode in episodes:
        assert episode.lifted == (episode.steps < 8) or episode.steps == 8
        away = np.abs(np.subtract(episode.state[:2], episode.state[2:])).max()
        assert episode.lifted == (away < 0.08)


def test_episodes_do_not_depend_on_those_beside_them(seeing):
    """A batch of another size may round otherwise: to a few parts in a million."""
    alone, together = act(seeing), act(seeing, lockstep=4)
    for one, other in zip(alone, together, strict=True):
        assert (one.seed, one.lifted, one.steps) == (other.seed, other.lifted, other.steps)
        np.testing.assert_allclose(one.state, other.state, rtol=1e-4, atol=1e-5)


def test_episodes_do_not_depend_on_threads(seeing, monkeypatch):
    threads = set()

    class Watched(toy.Plane):
        def reset(self, seed):
            threads.add(threading.get_ident())
            return super().reset(seed)

    alone = act(seeing)
    monkeypatch.setattr(control, "share_out", lambda module: (module, 2))
    controller = replace(seeing, options=replace(seeing.options, parallel=True))
    both = sorted(run_episodes(controller, Watched, SEEDS), key=lambda episode: episode.seed)
    assert len(threads) == 2
    for one, other in zip(alone, both, strict=True):
        assert (one.seed, one.lifted, one.steps) == (other.seed, other.lifted, other.steps)
        np.testing.assert_allclose(one.state, other.state, rtol=1e-4, atol=1e-5)


def test_no_more_scenes_are_made_than_run(told):
    made = []

    def make():
        made.append(toy.Plane())
        return made[-1]

    controller = replace(told, options=replace(told.options, lockstep=100))
    assert len(list(run_episodes(controller, make, SEEDS))) == len(made) == len(SEEDS)


def test_pictures_matter_where_a_policy_sees(seeing):
    class Dark(toy.Plane):
        def _observe(self):
            observation = super()._observe()
            return replace(observation, picture=np.zeros_like(observation.picture))

    lit = next(run_episodes(seeing, toy.Plane, SEEDS[:1]))
    dark = next(run_episodes(seeing, Dark, SEEDS[:1]))
    assert lit.state != dark.state


def test_what_is_seen_is_what_extraction_keeps(seeing, module):
    picture = toy.Plane().reset(3)
    with torch.inference_mode():
        maps = seeing.encode([picture.picture])
        whole = module(module.preprocess([Image.fromarray(picture.picture)]))
    expected = torch.cat([scale.map for scale in whole.scales], dim=1).permute(0, 2, 3, 1)
    torch.testing.assert_close(maps.float(), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("execute", [1, 3])
def test_so_many_actions_are_carried_out_before_the_next_are_predicted(told, execute):
    calls = []
    predict = told.policy.predict

    def watched(seen, *others):
        calls.append(seen.shape[1])
        return predict(seen, *others)

    told.policy.predict = watched
    try:
        controller = replace(told, options=replace(told.options, execute=execute, horizon=7))
        episode = next(run_episodes(controller, lambda: Far(), SEEDS[:1]))
    finally:
        del told.policy.predict
    assert episode.steps == 7
    assert calls == [min(step + 1, told.policy.history) for step in range(0, 7, execute)]


class Far(toy.Plane):
    """Its square cannot be reached."""

    def _observe(self):
        return replace(super()._observe(), lifted=False)


def test_a_film_shows_the_episode(told):
    (episode,) = run_episodes(
        replace(told, options=replace(told.options, film=True)), Far, SEEDS[:1]
    )
    film = Image.open(BytesIO(episode.film))
    assert film.format == "WEBP"
    assert film.size == (FILM_PX, FILM_PX)
    assert film.n_frames > 1
    assert act(told)[0].film is None


def test_time_is_told(seeing):
    seconds = Seconds()
    episodes = list(run_episodes(seeing, toy.Plane, SEEDS[:3], seconds))
    assert seconds.steps == sum(episode.steps for episode in episodes)
    assert min(seconds.scene, seconds.encoder, seconds.policy) > 0


def test_actions_that_are_no_numbers_stop_the_run(told):
    bias = told.policy.answer[1].bias
    kept = bias.detach().clone()
    with torch.no_grad():
        bias.fill_(np.nan)
    try:
        with pytest.raises(RunError, match="actions must be finite"):
            act(told)
    finally:
        with torch.no_grad():
            bias.copy_(kept)


def test_an_error_of_the_scene_reaches_the_caller(told):
    class Broken(toy.Plane):
        def step(self, action):
            raise RuntimeError("the table broke")

    with pytest.raises(RuntimeError, match="the table broke"):
        list(run_episodes(told, Broken, SEEDS))


@pytest.mark.parametrize("name", ["horizon", "execute", "lockstep"])
def test_options_are_checked(name):
    with pytest.raises(InputError, match=f"{name} must be"):
        ControlOptions(**{"horizon": 8, name: 0})


def test_features_of_another_shape_are_refused(seeing):
    with pytest.raises(
        InputError, match=r"policy must .* 6 channels .* at scales \(1,\) .* trained on 12"
    ):
        replace(seeing, module=seeing.module.with_scales([1]))


def test_no_more_actions_are_carried_out_than_are_predicted(told):
    with pytest.raises(InputError, match="execute must be at most 3, the number of actions"):
        replace(told, options=replace(told.options, execute=4))


def test_a_full_disk_is_told(told, tmp_path, monkeypatch):
    def full(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("polyscale.robot.episodes.whole_file", full)
    filmed = replace(told, options=replace(told.options, film=True))
    with pytest.raises(RunError, match=r"No space left.* Make room, or choose another folder\.$"):
        judge(filmed, toy.Plane, SEEDS[:1], tmp_path)


def test_judged_episodes_are_not_run_again(told, tmp_path):
    class KilledError(Exception):
        pass

    def kill(step, done, total, unit, **more):
        if done == 2:
            raise KilledError

    one_by_one = replace(told, options=replace(told.options, lockstep=1))
    with pytest.raises(KilledError):
        judge(one_by_one, toy.Plane, SEEDS, tmp_path, progress=kill)
    with (tmp_path / "episodes.jsonl").open("a") as file:
        file.write('\n{"seed": 905, "lif')  # as a process leaves it that is killed
    began = []

    class Watched(toy.Plane):
        def reset(self, seed):
            began.append(seed)
            return super().reset(seed)

    found = judge(one_by_one, Watched, SEEDS, tmp_path)
    assert sorted(began) == list(SEEDS[2:])
    began.clear()
    assert judge(one_by_one, Watched, SEEDS, tmp_path) == found
    assert began == []
    assert [episode.seed for episode in found] == list(SEEDS)
    whole = act(one_by_one)
    assert [(e.lifted, e.steps) for e in found] == [(e.lifted, e.steps) for e in whole]


def test_the_simulated_scene_is_such_a_scene(drawn, told):
    """It runs in other threads than the one that made the policy."""
    policy = make_policy(
        toy.Demonstrated(
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
        run_episodes(controller, lambda: PickingScene(drawn.settings, drawn.side_px), (1, 2, 3))
    )
    assert sorted(episode.seed for episode in episodes) == [1, 2, 3]
    assert all(episode.steps == 2 and not episode.lifted for episode in episodes)
