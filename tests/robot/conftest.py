"""Scenes; tests that draw are skipped where no library does."""

import numpy as np
import pytest
import torch
from PIL import Image
from tests.conftest import TinyBackbone
from tests.robot import toy

from polyscale.errors import MissingExtraError, RunError
from polyscale.operator.multiscale import MultiScale
from polyscale.robot import (
    Controller,
    ControlOptions,
    PickingScene,
    SceneSettings,
    make_policy,
)

SIDE_PX = 64

SMALL = SceneSettings(num_distractors=2)
"""Few objects are faster to simulate."""


@pytest.fixture(scope="session")
def blind():
    """A scene that draws nothing."""
    try:
        scene = PickingScene(SMALL, side_px=0)
    except MissingExtraError as error:
        pytest.skip(str(error))
    with scene:
        yield scene


@pytest.fixture(scope="session")
def drawn(blind):
    """A scene that draws small pictures."""
    try:
        scene = PickingScene(SMALL, SIDE_PX)
    except RunError as error:
        pytest.skip(str(error))
    with scene:
        yield scene


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
    """A controller whose untrained policy depends on images."""
    data = toy.demonstrations(4)
    shown = [np.asarray(data.read(i)) for i in range(len(data))]
    with torch.inference_mode():
        pixels = module.preprocess([Image.fromarray(image) for image in shown])
        maps = module(pixels).map.permute(0, 2, 3, 1).numpy()
    learned = toy.ImitationData(
        maps=toy.ArrayMaps(maps),
        states=data.states,
        actions=data.actions,
        episode_of=data.episode_of,
    )
    policy = make_policy(learned, np.arange(len(data)), seed=0, **toy.SMALL).eval()
    options = ControlOptions(horizon=5, lockstep=1)
    return Controller(module=module, policy=policy, options=options)
