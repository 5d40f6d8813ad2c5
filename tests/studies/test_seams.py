import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from polyscale.errors import InputError
from polyscale.operator.backbones import load
from polyscale.operator.multiscale import MultiScale
from polyscale.operator.plan import Tiling, plan_levels
from polyscale.studies.neighbours import gaps_at_edges
from polyscale.studies.seams import compare_seams, load_untiled, measure_seams
from polyscale.types import TileFeatures


class Cells(torch.nn.Module):
    """Mean colour of each cell, plus something that depends on the place in the tile."""

    name, tile_hw, grid_hw, dim = "cells", (32, 32), (8, 8), 3
    num_prefix, has_cls, fixed_tile, mean, std = 0, False, False, (0.0,) * 3, (1.0,) * 3
    in_channels = 3

    def __init__(self, strength, side=8):
        super().__init__()
        self.tile_hw, self.grid_hw = (4 * side, 4 * side), (side, side)
        ramp = torch.linspace(-1, 1, side)
        rows, columns = torch.meshgrid(ramp, ramp, indexing="ij")
        self.place = strength * torch.stack([rows, columns, torch.zeros(side, side)])

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


def test_edges_are_found_in_gaps_and_inside_cells():
    def gaps(cells, **options):
        (level,) = plan_levels(Tiling(scales=(3,), **options), (32, 32))
        rows, columns = np.split(gaps_at_edges([level], (cells, cells)), 2)
        np.testing.assert_array_equal(rows, columns)
        return (np.flatnonzero(rows) + 1).tolist()

    assert gaps(24) == [8, 16]
    # tiles at 0, 16, 32, 48, 64 px; cells of 4 px
    assert gaps(24, overlap=0.5) == [4, 8, 12, 16, 20]
    # tiles at 0, 21, 43, 64 px: 21 and 43, 53 and 75 are inside cells
    assert gaps(24, overlap=0.25) == [5, 6, 8, 10, 11, 13, 14, 16, 18, 19]


@pytest.fixture
def pictures(images):
    shades = (images * 40 + 128).clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
    return [Image.fromarray(shade) for shade in shades[:20]]


def test_ways_are_paired_and_the_control_has_no_border(pictures):
    report = compare_seams(Cells(1.0), pictures, untiled=Cells(1.0, side=16))
    ways = {way.name: way for way in report.ways}
    assert list(ways) == [
        "plain",
        "overlap 0.25 hann = overlap 0.5 hann",  # the same three tiles an axis
        "overlap 0.5 uniform",
        "shifted",
        "untiled",
    ]
    assert [way.num_tiles for way in report.ways] == [4, 9, 9, 13, 1]
    plain, hann, _, shifted, untiled = report.ways
    assert plain.change is None
    assert plain.added_excess is None
    for way in report.ways[1:]:
        assert way.change == pytest.approx(way.seams.excess - plain.seams.excess)
        assert way.change_ci[0] < way.change < way.change_ci[1] < 0
    assert abs(untiled.seams.excess) < 0.25
    assert untiled.over_control is None
    assert plain.over_control == pytest.approx(plain.seams.excess - untiled.seams.excess)
    assert plain.over_control_ci[0] > 0
    assert plain.excess_ci[0] > 0.3
    assert shifted.seams.excess > hann.seams.excess
    # the seam can be seen: the brightest column of the map is the border
    assert plain.disagreement.shape == (15, 15)
    assert plain.disagreement.mean(axis=0).argmax() == 7


def test_a_way_alone_gives_what_measure_seams_gives(pictures):
    module = MultiScale(Cells(0.5), (1,))
    one = measure_seams(module, module.preprocess(pictures), scale=3)
    other = compare_seams(Cells(0.5), pictures, scale=3, ways={"plain": {}}).ways[0].seams
    np.testing.assert_allclose(one.border_each, other.border_each, rtol=1e-5)
    np.testing.assert_allclose(one.interior_each, other.interior_each, rtol=1e-5)


def test_one_image_has_no_interval(pictures):
    report = compare_seams(Cells(0.5), pictures[:1], ways={"plain": {}})
    assert report.ways[0].excess_ci is None


def test_comparing_refuses(pictures):
    with pytest.raises(InputError, match="whole number of at least 2"):
        compare_seams(Cells(1.0), pictures, scale=1)
    with pytest.raises(InputError, match="at least one"):
        compare_seams(Cells(1.0), [])
    with pytest.raises(InputError, match="some detail"):
        compare_seams(Cells(0.0), [Image.new("RGB", (96, 96), "teal")])
    with pytest.raises(InputError, match="untiled must be built for 64×64 px"):
        compare_seams(Cells(1.0), pictures, untiled=Cells(1.0))


@pytest.mark.weights
def test_the_control_is_the_model_for_a_larger_tile(monkeypatch):
    untiled = load_untiled("pip:dinov2_small", 2)
    assert (untiled.tile_hw, untiled.grid_hw) == ((448, 448), (32, 32))
    with pytest.raises(InputError, match="Did you mean"):
        load_untiled("pip:dinov2_smal", 2)

    def fixed(source, *, weights=True, tile_hw=None):
        if tile_hw:
            raise InputError("tile_hw can't be chosen for this model.")
        return load(source, weights=weights)

    monkeypatch.setattr("polyscale.studies.seams.load", fixed)
    assert load_untiled("pip:dinov2_small", 2) is None


@pytest.mark.weights
def test_a_real_model_has_seams_that_fading_tiles_remove():
    """The claim of docs/guides/seams.md, on one photograph and a small model."""
    data = pytest.importorskip("skimage.data")
    photo = Image.fromarray(data.coffee())
    model = "pip:efficientnet_lite0"
    report = compare_seams(load(model), [photo], untiled=load_untiled(model, 2))
    plain, hann, uniform, shifted, untiled = (way.seams.excess for way in report.ways)
    assert plain > 0.5
    assert hann < 0.1
    assert untiled < 0.1
    assert hann < uniform < shifted < plain
