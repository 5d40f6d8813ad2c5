"""What a policy may and may not depend on."""

import numpy as np
import pytest
import torch

from polyscale.robot import Policy
from polyscale.robot.policies.policy import Standardise

SIZES = {"in_channels": 5, "grid_hw": (3, 2), "num_state": 4, "num_action": 2}
SMALL = {"history": 6, "chunk_size": 3, "channels": 16, "blocks": 2, "heads": 2, "dropout": 0.0}


@pytest.fixture
def policy():
    return Policy(**SIZES, **SMALL).eval()


def inputs(batch=2, steps=6):
    generator = torch.Generator().manual_seed(1)
    shapes = ((3, 2, 5), (4,), (2,))
    return [torch.randn(batch, steps, *shape, generator=generator) for shape in shapes]


def test_every_step_predicts_the_next_actions(policy):
    assert policy(*inputs()).shape == (2, 6, 3, 2)


@pytest.mark.parametrize("modality", [0, 1, 2])
def test_a_step_depends_on_itself_and_those_before(policy, modality):
    own, other = inputs(), inputs()
    other[modality][:, 3] += 1
    difference = (policy(*own) - policy(*other)).abs().amax(dim=(0, 2, 3))
    assert (difference[:3] == 0).all()
    assert (difference[3:] > 1e-6).all()


def test_a_sequence_that_is_filled_up_at_its_end_is_the_same(policy):
    whole = inputs()
    short = [part[:, :4] for part in whole]
    torch.testing.assert_close(policy(*short), policy(*whole)[:, :4])


def test_each_sequence_of_a_batch_is_on_its_own(policy):
    whole = inputs(batch=3)
    alone = torch.cat([policy(*(part[i : i + 1] for part in whole)) for i in range(3)])
    torch.testing.assert_close(policy(*whole), alone)


def test_a_token_says_where_in_the_picture_something_is(policy):
    maps = torch.zeros(2, 3, 2, 5)
    maps[0, 0, 0] = maps[1, 2, 1] = 1
    first, second = policy.visual_tokens(maps)
    assert (first - second).abs().max() > 1e-3


def test_maps_are_standardised_before_they_are_seen(policy):
    maps = inputs()[0]
    seen = policy.visual_tokens(maps)
    mean, std = torch.randn(5), torch.rand(5) + 0.5
    policy.visual.fit(mean, std)
    torch.testing.assert_close(policy.visual_tokens(maps * std + mean), seen, rtol=1e-4, atol=1e-5)


def test_what_never_varies_is_not_seen(policy):
    assert policy.uses_images
    policy.visual.fit(torch.zeros(5), torch.zeros(5))
    assert not policy.uses_images
    maps = inputs()[0]
    assert torch.equal(policy.visual_tokens(maps), policy.visual_tokens(maps + 1))


@pytest.mark.parametrize(("mean", "std", "varies"), [(90.1, 1e-5, False), (0, 1e-7, True)])
def test_what_rounding_leaves_is_no_variation(mean, std, varies):
    part = Standardise(1)
    part.fit(torch.tensor([mean]), torch.tensor([std]))
    assert bool(part.factor) == varies


def test_standardising_is_undone():
    rows = np.random.default_rng(0).normal(3, 2, (50, 3)).astype(np.float32)
    rows[:, 1] = 7
    part = Standardise(3)
    values = torch.from_numpy(rows)
    part.fit(values.mean(dim=0), values.std(dim=0, correction=0))
    standard = part(values)
    torch.testing.assert_close(standard.mean(dim=0), torch.zeros(3), rtol=0, atol=1e-5)
    torch.testing.assert_close(standard.std(dim=0, correction=0), torch.tensor([1.0, 0, 1]))
    torch.testing.assert_close(part.undo(standard), values)


def test_its_config_makes_it_again(policy):
    again = Policy(**policy.config)
    again.load_state_dict(policy.state_dict())
    torch.testing.assert_close(again.eval()(*inputs()), policy(*inputs()))
