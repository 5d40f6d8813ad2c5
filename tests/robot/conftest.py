"""Scenes; tests that draw are skipped where no library does."""

import pytest

from polyscale.errors import MissingExtraError, RunError
from polyscale.robot import PickingScene, SceneSettings

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
