"""Models that have learned nothing: the same shapes, other numbers, and activations that last."""

import torch
from torch import nn

from polyscale.operator.backbones import with_random_weights


def deep_model():
    layers = [
        part for _ in range(12) for part in (nn.Conv2d(32, 32, 3), nn.BatchNorm2d(32), nn.ReLU())
    ]
    return nn.Sequential(nn.Conv2d(3, 32, 1), *layers).eval()


def test_the_model_stays_and_the_copy_is_seeded():
    model = deep_model()
    before = [p.clone() for p in model.parameters()]
    state = torch.random.get_rng_state()
    first, again, other = (with_random_weights(model, seed) for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(map(torch.equal, before, model.parameters()))
    assert all(map(torch.equal, first.parameters(), again.parameters()))
    assert not torch.equal(first[0].weight, other[0].weight)
    assert not torch.equal(first[0].weight, model[0].weight)
    assert not first.training


def test_what_norms_have_learned_of_images_is_forgotten():
    model = deep_model()
    model[2].running_var.fill_(9)
    assert with_random_weights(model, 0)[2].running_var.eq(1).all()


def test_activations_neither_fade_nor_grow():
    output = with_random_weights(deep_model(), 0)(torch.randn(4, 3, 26, 26))
    assert 0.1 < output.std() < 10


def test_tokens_keep_their_values_in_another_order():
    class WithToken(nn.Module):
        def __init__(self):
            super().__init__()
            self.token = nn.Parameter(torch.arange(50.0).view(1, 1, 50))

    token = with_random_weights(WithToken(), 0).token
    assert token.shape == (1, 1, 50)
    assert not torch.equal(token.flatten(), torch.arange(50.0))
    assert torch.equal(token.flatten().sort().values, torch.arange(50.0))
