import numpy as np
import pytest
import torch
from torch.nn import functional as F

from polyscale.errors import InputError, RunError
from polyscale.learning.heads.budget import RATES, Budget, climb, lowest_loss
from polyscale.learning.training import TrainContext

CONTEXT = TrainContext()


def rows(num=60, dim=5, seed=0):
    return np.random.default_rng(seed).normal(size=(num, dim)).astype(np.float32)


def test_a_layer_that_sees_nothing_ends_at_the_entropy_of_the_classes():
    labels = np.arange(64) % 4
    fit = lowest_loss(np.zeros((64, 3), np.float32), labels, 4, Budget(batch=64), context=CONTEXT)
    np.testing.assert_allclose(fit.losses, np.log(4), atol=1e-3)
    alone = lowest_loss(
        np.ones((64, 1), np.float32), np.arange(64), 64, Budget(batch=64), context=CONTEXT
    )
    assert alone.losses.mean() == pytest.approx(np.log(64), abs=1e-3)


def test_the_loss_is_what_plain_adam_reaches_with_the_same_batches():
    """Whole batches have no order, so that nothing is left to chance."""
    features, labels = rows(), np.minimum(np.arange(60) // 12, 2)
    budget = Budget(epochs=20, batch=60, learning_rate=0.15)
    fit = lowest_loss(features, labels, 3, budget, context=CONTEXT)
    x = torch.from_numpy((features - features.mean(0)) / features.std(0)).float()
    weights, bias = torch.zeros(3, 5, requires_grad=True), torch.zeros(3, requires_grad=True)
    # the bias moves as all weights of a class together
    groups = [{"params": [weights], "scale": 0.03}, {"params": [bias], "scale": 0.15}]
    optimiser = torch.optim.Adam(groups)
    for step in range(20):
        for group in optimiser.param_groups:
            group["lr"] = group["scale"] * (1 + np.cos(np.pi * step / 20)) / 2
        optimiser.zero_grad()
        F.cross_entropy(x @ weights.T + bias, torch.from_numpy(labels)).backward()
        optimiser.step()
    expected = F.cross_entropy(x @ weights.T + bias, torch.from_numpy(labels), reduction="none")
    np.testing.assert_allclose(fit.losses, expected.detach().numpy(), rtol=1e-4, atol=1e-5)
    assert fit.tried == {0.15: pytest.approx(fit.losses.mean())}


def test_the_best_rate_has_worse_neighbours():
    fit = lowest_loss(rows(), np.arange(60), 60, Budget(epochs=3, batch=20), context=CONTEXT)
    place = RATES.index(fit.learning_rate)
    neighbours = [RATES[i] for i in (place - 1, place + 1) if 0 <= i < len(RATES)]
    assert all(fit.tried[rate] >= fit.losses.mean() for rate in neighbours)
    assert fit.losses.shape == (60,)


def test_features_twice_are_the_same_capacity():
    """A copy of every column adds parameters and no information."""
    once, labels = rows(num=120, dim=4), np.arange(120)
    budget = Budget(epochs=30, batch=120)
    losses = [
        lowest_loss(features, labels, 120, budget, context=CONTEXT).losses.mean()
        for features in (once, np.concatenate([once, once], axis=1))
    ]
    assert losses[1] == pytest.approx(losses[0], rel=0.03)


@pytest.mark.parametrize("start", range(6))
def test_the_climb_ends_at_the_lowest_wherever_it_begins(start):
    choices = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
    tried = climb(lambda choice: (choice - 4.4) ** 2, choices, start)
    assert min(tried, key=tried.get) == 4.0
    assert {3.0, 5.0} <= set(tried)


def test_bad_input():
    features, labels = rows(), np.arange(60)
    with pytest.raises(InputError, match="batch must be at most the number of training images, 60"):
        lowest_loss(features, labels, 60, Budget(batch=61), context=CONTEXT)
    with pytest.raises(InputError, match="epochs must be a whole number of at least 1, but got 0"):
        lowest_loss(features, labels, 60, Budget(epochs=0, batch=2), context=CONTEXT)
    with pytest.raises(InputError, match="must be finite"):
        lowest_loss(features * np.nan, labels, 60, Budget(batch=2), context=CONTEXT)
    with pytest.raises(InputError, match="learning_rate must be above 0"):
        lowest_loss(features, labels, 60, Budget(batch=2, learning_rate=-1.0), context=CONTEXT)


def test_a_training_that_diverges_says_so(monkeypatch):
    def diverge(*_):
        raise RunError("the loss is nan")

    monkeypatch.setattr("polyscale.learning.heads.budget.train", diverge)
    with pytest.raises(RunError, match="diverges at 1. Lower learning_rate"):
        lowest_loss(rows(), np.arange(60), 60, Budget(batch=60, learning_rate=1.0), context=CONTEXT)
