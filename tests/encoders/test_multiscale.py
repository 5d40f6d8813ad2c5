"""What encoders take."""

import pytest
from torch import nn

from polyscale.encoders.multiscale import as_multiscale
from polyscale.errors import InputError


def test_a_multiscale_stays_itself(multiscale):
    assert as_multiscale(multiscale) is multiscale


def test_a_backbone_alone_is_taken_at_scale_1_and_frozen(tiny_backbone):
    found = as_multiscale(tiny_backbone())
    assert found.scales == (1,)
    assert found.frozen


def test_anything_else_is_refused():
    with pytest.raises(InputError, match="multiscale must be a MultiScale or a Backbone, but got"):
        as_multiscale(nn.Flatten())
