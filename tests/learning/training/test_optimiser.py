import pytest
import torch

from polyscale.errors import InputError
from polyscale.learning.training.optimiser import TrainSettings, learning_rate, make_optimiser


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"steps": 1.5}, "steps must be a whole number of at least 1, but got 1.5"),
        ({"batch": 0}, "batch must be a whole number of at least 1"),
        ({"seed": -1}, "seed must be a whole number of at least 0"),
        ({"warmup_steps": 5}, r"warmup_steps must be below steps \(5\), but got 5"),
        ({"schedule": "x"}, "schedule must be one of cosine, poly, constant, but got 'x'"),
        ({"learning_rate": float("inf")}, "learning_rate must be above 0 and finite, but got inf"),
        ({"learning_rate": "x"}, "learning_rate must be above 0 and finite, but got 'x'"),
        ({"weight_decay": None}, "weight_decay must be at least 0, but got None"),
        ({"batch": True}, "batch must be a whole number of at least 1, but got True"),
        ({"clip_norm": 0}, "clip_norm must be above 0"),
        ({"weight_decay": float("nan")}, "weight_decay must be at least 0, but got nan"),
    ],
)
def test_settings_that_break_a_rule(wrong, told):
    with pytest.raises(InputError, match=told):
        TrainSettings(**{"steps": 5} | wrong)


def test_fewer_steps_have_at_most_a_tenth_of_warm_up():
    settings = TrainSettings(steps=1000, warmup_steps=50, learning_rate=0.1, schedule="poly")
    for steps, warmup_steps in ((1, 0), (19, 1), (300, 30), (600, 50), (1000, 50), (5000, 50)):
        expected = TrainSettings(
            steps=steps, warmup_steps=warmup_steps, learning_rate=0.1, schedule="poly"
        )
        assert settings.with_steps(steps) == expected
    # where steps are not fewer, a longer warm-up stays
    long = TrainSettings(steps=100, warmup_steps=48)
    assert long.with_steps(100) == long
    assert long.with_steps(200).warmup_steps == 48
    for wrong in (0, -5, 2.5, True):
        with pytest.raises(InputError, match="steps must be a whole number of at least 1"):
            settings.with_steps(wrong)


def rates(**options):
    settings = TrainSettings(steps=100, learning_rate=2.0, **options)
    return torch.tensor([learning_rate(step, settings) for step in range(100)])


def test_cosine_is_torchs_own():
    (weight,) = parameters = [torch.nn.Parameter(torch.zeros(()))]
    optimiser = torch.optim.SGD(parameters, lr=2.0)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 100)
    expected = []
    for _ in range(100):
        expected.append(optimiser.param_groups[0]["lr"])
        weight.grad = torch.zeros(())
        optimiser.step()
        scheduler.step()
    torch.testing.assert_close(rates(schedule="cosine"), torch.tensor(expected))


def test_poly_and_constant():
    expected = 2 * (1 - torch.arange(100) / 100) ** 0.9
    torch.testing.assert_close(rates(schedule="poly"), expected)
    assert (rates(schedule="constant") == 2).all()


@pytest.mark.parametrize("schedule", ["cosine", "poly", "constant"])
def test_the_rate_rises_to_its_highest_and_never_jumps(schedule):
    found = rates(schedule=schedule, warmup_steps=10)
    torch.testing.assert_close(found[:10], 2 * torch.arange(1, 11) / 10)
    assert found[9] == found[10] == 2
    assert (found[10:].diff() <= 0).all()
    assert found.diff().abs().max() < 0.21


def test_vectors_do_not_decay(toy):
    module = toy.module()
    module.norm.weight.requires_grad_(False)
    decays, stays = make_optimiser(module, toy.SETTINGS).param_groups
    assert [p is module.classify.weight for p in decays["params"]] == [True]
    assert {id(p) for p in stays["params"]} == {id(module.norm.bias), id(module.classify.bias)}
    assert decays["weight_decay"] == toy.SETTINGS.weight_decay
    assert stays["weight_decay"] == 0
