"""A plane on which a point is to be moved to a bright square: a scene that needs no simulator."""

import time
from dataclasses import replace

import numpy as np
import torch
from PIL import Image

from polyscale.data import DemonstrationData, Demonstrations, EvaluationScenes, Pictures
from polyscale.features import ArrayMaps
from polyscale.learning.training import TrainContext, TrainSettings
from polyscale.robot import (
    ImitationData,
    Observation,
    Policy,
    SceneSettings,
    make_policy,
    run_rollouts,
    train_policy,
)

SIDE_PX = 64

SMALL = {"history": 4, "chunk_size": 3, "channels": 32, "blocks": 2, "heads": 2}
"""A policy that is trained in seconds."""

TRAINING = TrainSettings(steps=100, batch=8, learning_rate=3e-3, warmup_steps=10, clip_norm=1.0)


class Plane:
    """Reach the square; the robot knows where it is itself, and only pictures show the square."""

    action_limit = 0.2

    def __init__(self, settings=None, side_px=SIDE_PX):
        self.side_px = side_px

    def reset(self, seed):
        self.place = np.full(2, 0.5)
        self.target = np.random.default_rng(seed).uniform(0.1, 0.9, 2)
        return self._observe()

    def step(self, action):
        self.place = (self.place + np.clip(action, -self.action_limit, self.action_limit)).clip(
            0, 1
        )
        return self._observe()

    def close(self):
        self.place = None

    def _observe(self):
        picture = np.zeros((self.side_px, self.side_px, 3), np.uint8)
        for place, value in ((self.target, 255), (self.place, 120)):
            top, left = (place * (self.side_px - 12)).astype(int)
            picture[top : top + 12, left : left + 12] = value
        state = self.place.astype(np.float32)
        away = np.abs(self.target - self.place).max()
        privileged = np.concatenate([state, self.target]).astype(np.float32)
        return Observation(picture, state, privileged, bool(away < 0.08))


def demonstrate(seed):
    """Observations and actions of an expert."""
    scene = Plane()
    seen, actions = [scene.reset(seed)], []
    while not seen[-1].success or len(actions) < 2:
        actions.append((scene.target - scene.place).clip(-0.2, 0.2).astype(np.float32))
        seen.append(scene.step(actions[-1]))
    return seen[:-1], actions


def demonstrations(num=12, first_seed=0):
    """So many episodes of the expert."""
    episodes = [demonstrate(seed) for seed in range(first_seed, first_seed + num)]
    seen = [one for observations, _ in episodes for one in observations]
    episode_of = np.repeat(np.arange(num), [len(actions) for _, actions in episodes])

    def read(index, min_side=None):
        return Image.fromarray(seen[index].image)

    ids = tuple(f"{first_seed}-{episode}/{i}" for i, episode in enumerate(episode_of))
    return Demonstrations(
        Pictures(ids, read, f"plane-{num}-{first_seed}"),
        np.stack([one.state for one in seen]),
        np.stack([action for _, actions in episodes for action in actions]),
        episode_of,
        np.stack([one.privileged for one in seen]),
    )


def scenes(num=6, first_seed=10**10):
    """Where so many test episodes begin."""
    seeds = tuple(range(first_seed, first_seed + num))
    first = [Plane().reset(seed) for seed in seeds]

    def read(index, min_side=None):
        return Image.fromarray(first[index].image)

    places = np.stack([one.privileged[2:].astype(np.float64) for one in first])
    pictures = Pictures(tuple(f"scene-{i}" for i in range(num)), read, f"scenes-{num}-{first_seed}")
    return EvaluationScenes(seeds, pictures, places)


def plane_data(*, simulated, num=12):
    """A data set of the plane."""
    test = scenes() if simulated else demonstrations(5, first_seed=500)
    scene = SceneSettings(horizon=8).to_json() if simulated else None
    train = demonstrations(num)
    return DemonstrationData(
        name="plane", train=train, test=test, about="drawn", scene=scene, fps=5
    )


def demonstrated(num=12, *, privileged=True):
    """The same without pictures: a policy is told where the square is."""
    shown = demonstrations(num)
    return ImitationData(
        maps=ArrayMaps(np.zeros((len(shown), 1, 1, 1), np.float16)),
        states=shown.privileged if privileged else shown.states,
        actions=shown.actions,
        episode_of=shown.episode_of,
    )


def trained(checkpoint=None, watch=None, settings=TRAINING):
    """A policy that is told where the square is, and the report of its training."""
    data = demonstrated()
    frames = np.arange(len(data.actions))
    policy = make_policy(data, frames, seed=0, **SMALL)
    context = TrainContext(checkpoint=checkpoint, **({"watch": watch} if watch else {}))
    return policy, train_policy(policy, data, frames, settings, context)


def train_slowly(checkpoint):
    """What the test that kills runs in a process of its own."""
    torch.set_num_threads(1)
    settings = replace(TRAINING, steps=20, checkpoint_every=1)
    trained(checkpoint, lambda first, losses: time.sleep(0.05), settings)


SEEDS = tuple(range(900, 906))


def act(controller, **options):
    """Run an episode for each seed, and return them in the order of the seeds."""
    controller = replace(controller, options=replace(controller.options, **options))
    episodes = run_rollouts(controller, lambda: Plane(side_px=SIDE_PX), SEEDS)
    return sorted(episodes, key=lambda episode: episode.seed)


def numbered(lengths=(5, 2, 4)):
    """Frames whose maps, states and actions are their own number."""
    num = sum(lengths)
    numbers = np.arange(num, dtype=np.float32)[:, None]
    return ImitationData(
        maps=ArrayMaps(numbers[:, :, None, None].astype(np.float16)),
        states=numbers,
        actions=numbers,
        episode_of=np.repeat(np.arange(len(lengths)), lengths),
    )


def reader(history, chunk_size):
    """A policy that reads such windows; the mean of the actions that it has learned from is 7."""
    policy = Policy(
        in_channels=1,
        grid_hw=(1, 1),
        num_state=1,
        num_action=1,
        **{**SMALL, "history": history, "chunk_size": chunk_size},
    )
    policy.action.mean.fill_(7)
    return policy
