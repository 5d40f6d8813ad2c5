import json
from dataclasses import asdict, dataclass, fields

import numpy as np
import pytest

from polyscale.checks import (
    check_choice,
    check_flag,
    check_integer,
    check_integers,
    check_number,
    is_number,
    is_real,
)
from polyscale.errors import InputError
from polyscale.learning.pretraining import PretrainSettings
from polyscale.learning.training import TrainSettings
from polyscale.robot.simulation.settings import SceneSettings
from polyscale.tasks.picking.settings import PickingSettings


@dataclass(frozen=True)
class Settings:
    batch: int = 16
    seed: int = 0

    def __post_init__(self):
        check_integers(self, "batch", most=64)
        check_integers(self, "seed", least=0)


def test_integers_of_numpy_become_those_of_python():
    assert type(check_integer("batch", np.uint8(3))) is int
    made = Settings(batch=np.int64(8), seed=np.uint8(0))
    assert json.dumps(asdict(made)) == '{"batch": 8, "seed": 0}'


@pytest.mark.parametrize("value", [0, 65, True, 8.0, "8", None, float("nan")])
def test_what_is_no_integer_within_the_limits_is_refused(value):
    with pytest.raises(
        InputError, match=f"^batch must be a whole number from 1 to 64, but got {value!r}"
    ):
        Settings(batch=value)


def test_a_limit_may_be_missing():
    assert check_integer("seed", 2**80, 0) == 2**80
    with pytest.raises(InputError, match="^seed must be a whole number of at least 0, but got -1"):
        Settings(seed=-1)


@pytest.mark.parametrize("value", [1, 0.5, np.float64(2), float("inf")])
def test_numbers(value):
    assert is_number(value)
    assert is_real(value)


@pytest.mark.parametrize("value", [np.float32(2), np.int8(1)])
def test_numbers_of_numpy_that_json_does_not_take(value):
    assert is_real(value)
    assert not is_number(value)


@pytest.mark.parametrize("value", [True, np.bool_(1), "1", None, [1]])
def test_what_is_no_number(value):
    assert not is_number(value)
    assert not is_real(value)


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), "1", True])
def test_a_number_for_which_the_rule_does_not_hold_is_refused(value):
    with pytest.raises(InputError, match="^rate must be a number above 0, but got"):
        check_number("rate", value, "above 0", lambda rate: rate > 0)


def test_choices_and_flags():
    check_choice("mode", "a", ("a", "b"))
    check_flag("quick", False)
    with pytest.raises(InputError, match="^mode must be one of a, b, but got 'c'"):
        check_choice("mode", "c", ("a", "b"))
    with pytest.raises(InputError, match="^quick must be True or False, but got 1"):
        check_flag("quick", 1)


@pytest.mark.parametrize(
    "made",
    [
        TrainSettings(steps=np.int64(9), batch=np.int32(4), seed=np.uint8(1)),
        PretrainSettings(model="m", batch=np.int64(9), seed=np.int64(3), workers=np.int64(1)),
        PickingSettings(steps=np.int64(9), batch=np.int64(4), seeds=np.int64(3), seed=np.int64(2)),
        SceneSettings(horizon=np.int64(9), num_surfaces=np.int8(1)),
    ],
    ids=lambda made: type(made).__name__,
)
def test_settings_hold_integers_that_json_can_hold(made):
    values = [getattr(made, field.name) for field in fields(made)]
    assert not [value for value in values if isinstance(value, np.integer)]
    assert 9 in values


@pytest.mark.parametrize("value", [np.float32(0.1), np.int64(1)])
def test_numbers_that_json_does_not_take_are_refused(value):
    with pytest.raises(InputError, match="^learning_rate must be"):
        TrainSettings(steps=1, learning_rate=value)
    with pytest.raises(InputError, match="^epochs must be a number"):
        PretrainSettings(model="m", epochs=value)
