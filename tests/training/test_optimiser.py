import pytest
import torch

from polyscale.training.optimiser import TrainSettings, learning_rate, make_optimiser


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
