"""What varies from episode to episode; no simulator is needed."""

from colorsys import rgb_to_hsv
from dataclasses import fields

import numpy as np
import pytest

from polyscale.robot import SceneSettings
from polyscale.robot.simulation.arrangement import (
    APART_M,
    CUBE_RGB,
    FREE_M,
    MIDDLE_XY_M,
    TABLE_X_M,
    TABLE_Y_M,
    arrange,
)
from polyscale.robot.simulation.settings import MAX_DISTRACTORS


def test_a_seed_says_everything():
    settings = SceneSettings(num_surfaces=24, num_distractors=3)
    first, again, other = (arrange(settings, seed) for seed in (7, 7, 8))
    for field in fields(first):
        np.testing.assert_array_equal(getattr(first, field.name), getattr(again, field.name))
        assert (getattr(first, field.name) != getattr(other, field.name)).any()


@pytest.mark.parametrize("num", [0, 6, MAX_DISTRACTORS])
def test_objects_have_room(num):
    settings = SceneSettings(num_distractors=num)
    for seed in range(50):
        drawn = arrange(settings, seed)
        places = drawn.distractors_xy_m
        assert places.shape == (num, 2)
        away = np.linalg.norm(places - drawn.cube_xy_m, axis=1)
        between = np.linalg.norm(places[:, None] - places, axis=2) + 10 * np.eye(num)
        assert (away >= FREE_M).all()
        assert (between >= APART_M).all()
        for values, (least, most) in zip(places.T, (TABLE_X_M, TABLE_Y_M), strict=True):
            assert ((least <= values) & (values <= most)).all()


def test_the_cube_lies_anywhere_in_its_range():
    places = np.array([arrange(SceneSettings(cube_range_m=0.1), s).cube_xy_m for s in range(400)])
    offsets = places - MIDDLE_XY_M
    assert 0.095 < np.abs(offsets).max() <= 0.1
    assert np.abs(offsets.mean(axis=0)).max() < 0.01


def test_light_and_tints_keep_their_limits():
    settings = SceneSettings(light_range=(0.5, 0.7), tint=0.2)
    for seed in range(50):
        drawn = arrange(settings, seed)
        assert drawn.light_rgb.min() >= 0.5 * 0.8
        assert drawn.light_rgb.max() <= 0.7
        assert drawn.surfaces_rgb.min() >= 0.8


def test_no_distractor_is_red():
    for seed in range(50):
        for colour in arrange(SceneSettings(num_distractors=6), seed).distractors_rgb:
            assert 0.06 < rgb_to_hsv(*colour)[0] < 0.94
    assert not 0.06 < rgb_to_hsv(*CUBE_RGB)[0] < 0.94
