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
        rows, columns = torch.meshgrid(ramp, ramp, indexing="ij")
        self.place = strength * torch.stack([rows, columns, torch.zeros(8, 8)])

    def forward(self, tiles):
        return TileFeatures(F.avg_pool2d(tiles, 4) + self.place, tiles.new_zeros(len(tiles), 0, 3))


@pytest.fixture
def images():
    """Parts of a smooth noise, each from another place, so that borders fall anywhere in it."""
    noise = F.interpolate(torch.randn(1, 3, 100, 100), (800, 800), mode="bicubic")[0]
    return torch.stack([noise[:, 11 * i : 11 * i + 96, 7 * i : 7 * i + 96] for i in range(60)])


def test_no_seams_without_dependence_on_the_place(images):
    for scale in (2, 3):
        seams = measure_seams(MultiScale(Cells(0.0), (1,)), images, scale=scale)
        assert abs(seams.excess) < 0.2
        assert seams.num_images == 60


def test_dependence_on_the_place_shows(images):
    excess = [
        measure_seams(MultiScale(Cells(strength), (1,)), images).excess for strength in (0.3, 1.0)
    ]
    assert 0.05 < excess[0] < excess[1]


@pytest.mark.parametrize("options", [{"overlap": 0.5, "window": "hann"}, {"shifted": True}])
def test_overlap_and_shift_lower_them(images, options):
    plain = measure_seams(MultiScale(Cells(1.0), (1,)), images)
    blended = measure_seams(MultiScale(Cells(1.0), (1,), **options), images)
    assert blended.excess < 0.75 * plain.excess


@pytest.mark.parametrize("scale", [1, 1.5, 0.5])
def test_scales_without_borders(images, scale):
    with pytest.raises(InputError, match="whole number of at least 2"):
        measure_seams(MultiScale(Cells(1.0), (1,)), images, scale=scale)
