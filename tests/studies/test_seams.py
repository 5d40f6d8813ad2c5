import pytest
import torch
import torch.nn.functional as F

from polyscale.errors import InputError
from polyscale.multiscale import MultiScale
from polyscale.studies.seams import measure_seams
from polyscale.types import TileFeatures


class Cells(torch.nn.Module):
    """Mean colour of each cell, plus something that depends on the place in the tile."""

    name, tile_hw, grid_hw, dim = "cells", (32, 32), (8, 8), 3
    num_prefix, has_cls, fixed_tile, mean, std = 0, False, False, None, None

    def __init__(self, strength):
        super().__init__()
        ramp = torch.linspace(-1, 1, 8)
        self.place = strength * torch.stack([ramp.expand(8, 8), ramp[:, None].expand(8, 8), ramp * 0 + ramp[:, None] * 0])

    def forward(self, tiles):
        return TileFeatures(F.avg_pool2d(tiles, 4) + self.place, tiles.new_zeros(len(tiles), 0, 3))


@pytest.fixture
def images():
    return F.interpolate(torch.randn(4, 3, 12, 12), (96, 96), mode="bicubic")


def test_no_seams_without_dependence_on_the_place(images):
    for scale in (2, 3):
        seams = measure_seams(MultiScale(Cells(0.0), (1,)), images, scale=scale)
        assert abs(seams.excess) < 0.2
        assert seams.num_images == 4


def test_dependence_on_the_place_shows(images):
    excess = [
        measure_seams(MultiScale(Cells(strength), (1,)), images).excess for strength in (0.3, 1.0)
    ]
    assert 0.2 < excess[0] < excess[1]


@pytest.mark.parametrize("options", [{"overlap": 0.5, "window": "hann"}, {"shifted": True}])
def test_overlap_and_shift_lower_them(images, options):
    plain = measure_seams(MultiScale(Cells(1.0), (1,)), images)
    blended = measure_seams(MultiScale(Cells(1.0), (1,), **options), images)
    assert blended.excess < plain.excess / 2


@pytest.mark.parametrize("scale", [1, 1.5, 0.5])
def test_scales_without_borders(images, scale):
    with pytest.raises(InputError, match="whole number of at least 2"):
        measure_seams(MultiScale(Cells(1.0), (1,)), images, scale=scale)
