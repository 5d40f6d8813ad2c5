import json
from dataclasses import replace

import pytest

from polyscale.errors import InputError
from polyscale.robot import SceneSettings


def test_json_both_ways():
    settings = SceneSettings(camera_lookat_m=(1.0, 0.5, 0.4), num_distractors=3)
    assert SceneSettings.from_json(json.loads(json.dumps(settings.to_json()))) == settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("camera_distance_m", 0.0),
        ("camera_distance_m", float("nan")),
        ("camera_elevation_deg", 10.0),
        ("camera_azimuth_deg", "front"),
        ("camera_lookat_m", (1.0, 2.0)),
        ("camera_lookat_m", (1.0, 2.0, float("inf"))),
        ("num_distractors", 100),
        ("num_distractors", 1.5),
        ("num_surfaces", 0),
        ("horizon", True),
        ("cube_range_m", 0.5),
        ("light_range", (0.5, 2.0)),
        ("tint", -0.1),
        ("lift_m", -1.0),
    ],
)
def test_values_that_break_a_rule(name, value):
    with pytest.raises(InputError, match=rf"^{name} must be .*, but got "):
        replace(SceneSettings(), **{name: value})


def test_the_lower_brightness_comes_first():
    with pytest.raises(InputError, match="lowest and the highest brightness, but got .*Swap them"):
        SceneSettings(light_range=(1.0, 0.5))


def test_unknown_names_are_refused():
    with pytest.raises(InputError, match="camera_distanse_m is not an option of the scene"):
        SceneSettings.from_json({"camera_distanse_m": 1.0})
