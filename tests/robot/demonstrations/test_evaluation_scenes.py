import numpy as np
import pytest
from tests.robot.conftest import SMALL

from polyscale.errors import InputError
from polyscale.robot import make_evaluation_scenes


def test_there_is_at_least_one_start():
    with pytest.raises(InputError, match="trials must be .* from 1 to 100000, but got 0"):
        make_evaluation_scenes(SMALL, 0)


def test_starts_say_what_the_scene_shows(drawn):
    scenes = make_evaluation_scenes(drawn.settings, 2, drawn.side_px)
    for index, seed in enumerate(scenes.seeds):
        np.testing.assert_array_equal(scenes.read(index), drawn.reset(seed).image)
        np.testing.assert_allclose(drawn.cube_position[:2], scenes.cube_xy_m[index], atol=1e-9)
