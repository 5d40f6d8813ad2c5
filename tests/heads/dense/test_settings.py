import pytest

from polyscale.errors import InputError
from polyscale.heads.dense import TrainSettings


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"steps": 1.5}, "steps must be an int of at least 1, but got 1.5"),
        ({"batch": 0}, "batch must be an int of at least 1"),
        ({"seed": -1}, "seed must be an int of at least 0"),
        ({"warmup_steps": 5}, r"warmup_steps must be below steps \(5\), but got 5"),
        ({"schedule": "x"}, "schedule must be one of cosine, poly, constant, but got 'x'"),
        ({"learning_rate": float("inf")}, "learning_rate must be above 0 and finite, but got inf"),
        ({"learning_rate": "x"}, "learning_rate must be above 0 and finite, but got 'x'"),
        ({"weight_decay": None}, "weight_decay must be at least 0, but got None"),
        ({"batch": True}, "batch must be an int of at least 1, but got True"),
        ({"clip_norm": 0}, "clip_norm must be above 0"),
        ({"weight_decay": float("nan")}, "weight_decay must be at least 0, but got nan"),
    ],
)
def test_settings_that_break_a_rule(wrong, told):
    with pytest.raises(InputError, match=told):
        TrainSettings(**{"steps": 5} | wrong)
