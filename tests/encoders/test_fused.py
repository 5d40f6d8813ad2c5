"""A frozen backbone stays as it is while the model around it is trained."""

import pytest
import torch
from torch import nn

from polyscale.encoders.fused import Fused
from polyscale.errors import InputError
from polyscale.multiscale import MultiScale


def test_features_are_those_of_the_operator(multiscale):
    images = torch.randn(2, 3, 61, 95)
    found = Fused(multiscale, frozen=True)(images)
    assert torch.equal(found.tokens, multiscale(images).tokens)


@pytest.mark.parametrize(
    ("options", "channels"),
    [({"scales": (1, 2, 3)}, 18), ({"scales": (1, 2), "merge": "mean"}, 6), ({"scales": (2,)}, 6)],
)
def test_channels_are_those_of_the_map(tiny_backbone, options, channels):
    fused = Fused(MultiScale(tiny_backbone(), **options), frozen=True)
    assert fused.channels == fused(torch.randn(1, 3, 64, 64)).map.shape[1] == channels


def test_a_backbone_alone_is_taken_at_scale_1(tiny_backbone):
    assert Fused(tiny_backbone(), frozen=True).multiscale.scales == (1,)


def test_frozen_stays_in_evaluation(normed):
    model = nn.Sequential(Fused(normed, frozen=True))
    state = {k: v.clone() for k, v in model.state_dict().items()}
    model.train()
    assert model.training
    assert not any(part.training for part in normed.modules())
    first, second = (model(torch.full((2, 3, 64, 64), 0.3)).map for _ in range(2))
    assert torch.equal(first, second)  # no dropout
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    assert not first.requires_grad


def test_what_learns_is_trained(normed):
    model = nn.Sequential(Fused(normed, frozen=False)).train()
    assert all(part.training for part in model.modules())
    before = normed.backbone.layers[1].running_mean.clone()
    model(torch.randn(2, 3, 64, 64)).map.sum().backward()
    assert not torch.equal(normed.backbone.layers[1].running_mean, before)
    assert all(p.grad is not None for p in normed.parameters())
    model.eval()
    assert not any(part.training for part in model.modules())


def test_thawed_it_is_trained_again(normed):
    fused = Fused(normed, frozen=True)
    fused.requires_grad_(True).train()
    assert normed.backbone.layers[1].training


def test_anything_else_is_refused():
    with pytest.raises(InputError, match="multiscale must be a MultiScale or a Backbone, but got"):
        Fused(nn.Flatten(), frozen=True)


def test_frozen_is_a_flag(multiscale):
    with pytest.raises(InputError, match="frozen must be True or False"):
        Fused(multiscale, frozen="backbone")
