"""What every head of segmentation has to do, whatever it is."""

import json

import numpy as np
import pytest
import torch

from polyscale.learning.heads.dense import DenseHead
from polyscale.learning.heads.dense.registry import SEGMENTATION_HEADS

SMALL = {
    "linear": {},
    "upernet": {"channels": 16},
    "mask2former": {
        "channels": 32,
        "queries": 8,
        "decoder_layers": 3,
        "pixel_layers": 1,
        "feedforward": 32,
        "points": 64,
    },
}
NOT_MASKS = [name for name in SMALL if name != "mask2former"]


def make(name, seed=0):
    torch.manual_seed(seed)
    return SEGMENTATION_HEADS[name].make(in_channels=5, num_classes=3, **SMALL[name])


def problem(toy, num=6):
    maps, targets = toy.problem(num)
    x = torch.from_numpy(maps.take(np.arange(num))).float().permute(0, 3, 1, 2)
    return x, torch.from_numpy(targets.array).long()


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("grid_hw", [(7, 7), (3, 5), (2, 1)])
def test_any_grid_and_any_sizes(name, grid_hw):
    head = make(name)
    assert isinstance(head, DenseHead)
    maps = torch.randn(2, 5, *grid_hw)
    assert head.loss(maps, torch.randint(-1, 3, (2, 33, 20))).ndim == 0
    head.eval()
    assert head.scores(maps, (31, 45)).shape == (2, 3, 31, 45)


@pytest.mark.parametrize("name", SMALL)
def test_learns_and_every_parameter_moves(name, toy):
    head = make(name)
    maps, target = problem(toy)
    before = {n: p.detach().clone() for n, p in head.named_parameters()}
    optimiser = torch.optim.AdamW(head.parameters(), 1e-2, weight_decay=0)
    losses = []
    for _ in range(30):
        optimiser.zero_grad()
        loss = head.loss(maps, target)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert np.mean(losses[-5:]) < 0.75 * losses[0]
    assert [n for n, p in head.named_parameters() if torch.equal(p, before[n])] == []
    right = (head.eval().scores(maps, (12, 12)).argmax(dim=1) == target)[target >= 0]
    assert right.float().mean() > 0.6


@pytest.mark.parametrize("name", NOT_MASKS)
def test_ignored_pixels_teach_nothing(name, toy):
    """Of the maps far from labelled pixels a loss of pixels knows nothing."""
    head = make(name).eval()
    torch.nn.init.normal_(next(iter(head.parameters())))
    maps, target = problem(toy)
    target[2] = -1
    maps.requires_grad_()
    head.loss(maps, target).backward()
    assert not maps.grad[2].any()
    assert maps.grad[3].any()
    without = [i for i in range(6) if i != 2]
    torch.testing.assert_close(head.loss(maps, target), head.loss(maps[without], target[without]))


@pytest.mark.parametrize("name", SMALL)
def test_nothing_labelled_is_no_loss(name, toy):
    head = make(name)
    maps, target = problem(toy)
    loss = head.loss(maps, torch.full_like(target, -1))
    loss.backward()
    assert loss == 0
    assert all(p.grad is None or not p.grad.any() for p in head.parameters())


@pytest.mark.parametrize("name", SMALL)
def test_config_makes_it_again(name):
    head = make(name)
    config = json.loads(json.dumps(head.config))
    twin = type(head)(**config)
    assert twin.config == head.config
    twin.load_state_dict(head.state_dict())
    maps = torch.randn(2, 5, 4, 6)
    first = head.eval().scores(maps, (8, 8))
    assert torch.equal(first, head.scores(maps, (8, 8)))
    assert torch.equal(first, twin.eval().scores(maps, (8, 8)))


@pytest.mark.parametrize("name", SMALL)
def test_initial_weights_follow_the_seed(name):
    one, same, other = (make(name, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[n], same[n]) for n in one)
    if name != "linear":  # it starts from zero
        assert any(not torch.equal(one[n], other[n]) for n in one)


def test_all_the_names():
    assert set(SEGMENTATION_HEADS) == {"linear", "logistic", "upernet", "mask2former", "knn"}
