"""A policy with its encoder and options."""

from dataclasses import replace

import pytest
import torch
from PIL import Image
from tests.robot import toy

from polyscale.errors import InputError
from polyscale.robot import (
    ControlOptions,
)


def test_what_is_seen_is_what_extraction_keeps(seeing, module):
    picture = toy.Plane().reset(3)
    with torch.inference_mode():
        maps = seeing.encode([picture.image])
        whole = module(module.preprocess([Image.fromarray(picture.image)]))
    expected = torch.cat([scale.map for scale in whole.scales], dim=1).permute(0, 2, 3, 1)
    torch.testing.assert_close(maps.float(), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["horizon", "action_steps", "lockstep"])
def test_options_are_checked(name):
    with pytest.raises(InputError, match=f"{name} must be"):
        ControlOptions(**{"horizon": 8, name: 0})


def test_features_of_another_shape_are_refused(seeing):
    with pytest.raises(
        InputError, match=r"policy must .* 6 channels .* at scales \(1,\) .* trained on 12"
    ):
        replace(seeing, module=seeing.module.with_scales([1]))


def test_no_more_actions_are_carried_out_than_are_predicted(told):
    with pytest.raises(InputError, match="action_steps must be at most 3, the number of actions"):
        replace(told, options=replace(told.options, action_steps=4))
