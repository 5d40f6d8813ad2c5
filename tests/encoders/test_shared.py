"""What encoders take; and a map at another size, in each direction and without a shift."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from polyscale.encoders.shared import as_multiscale, resize_map
from polyscale.errors import InputError

MAP = torch.randn(2, 3, 8, 6)


def test_a_multiscale_stays_itself(multiscale):
    assert as_multiscale(multiscale) is multiscale


def test_a_backbone_alone_is_taken_at_scale_1_and_frozen(tiny_backbone):
    found = as_multiscale(tiny_backbone())
    assert found.scales == (1,)
    assert found.frozen


def test_anything_else_is_refused():
    with pytest.raises(InputError, match="multiscale must be a MultiScale or a Backbone, but got"):
        as_multiscale(nn.Flatten())


def test_a_map_that_fits_is_itself():
    assert resize_map(MAP, (8, 6)) is MAP


def test_halves_are_means_of_four_cells():
    means = MAP.unflatten(3, (3, 2)).unflatten(2, (4, 2)).mean(dim=(3, 5))
    assert torch.allclose(resize_map(MAP, (4, 3)), means, atol=1e-6)


def test_growing_is_bilinear():
    twin = F.interpolate(MAP, (13, 17), mode="bilinear", align_corners=False)
    assert torch.equal(resize_map(MAP, (13, 17)), twin)


@pytest.mark.parametrize("out_hw", [(1, 1), (3, 5), (5, 20), (20, 5), (16, 12)])
def test_it_keeps_constants_and_mirrors(out_hw):
    assert resize_map(MAP, out_hw).shape == (2, 3, *out_hw)
    constant = resize_map(torch.full_like(MAP, 0.3), out_hw)
    assert torch.allclose(constant, torch.tensor(0.3), atol=1e-6)
    mirrored = resize_map(MAP.flip(2, 3), out_hw).flip(2, 3)
    assert torch.allclose(mirrored, resize_map(MAP, out_hw), atol=1e-6)
