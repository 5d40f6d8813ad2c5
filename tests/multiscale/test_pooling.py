import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from polyscale.plan import Tiling, adaptive_weights, area_weights, plan_levels


def dense(bands, num_cells, num_out):
    """All tiles' weights as one matrix (num_out, tiles * num_cells)."""
    matrix = np.zeros((num_out, len(bands) * num_cells))
    for t, band in enumerate(bands):
        rows = slice(band.start, band.start + len(band.weights))
        matrix[rows, t * num_cells : (t + 1) * num_cells] = band.weights
    return matrix


@given(
    scale=st.sampled_from([0.5, 1, 1.1, 1.5, 2, 2.25, 3, 5]),
    tile=st.integers(8, 120),
    num_cells=st.integers(1, 9),
    num_out=st.integers(1, 12),
    overlap=st.sampled_from([0, 0.3, 0.5]),
    window=st.sampled_from(["uniform", "hann", "gaussian"]),
)
def test_area_weights_of_each_output_cell_sum_to_one(
    scale, tile, num_cells, num_out, overlap, window
):
    (level,) = plan_levels(Tiling(scales=(scale,), overlap=overlap), (tile, tile))
    bands = area_weights(
        level.grids[0].tops, level.tile_hw[0], level.image_hw[0], num_cells, num_out, window
    )
    np.testing.assert_allclose(dense(bands, num_cells, num_out).sum(axis=1), 1, atol=1e-12)


@given(
    scale=st.sampled_from([1, 1.25, 1.5, 2, 3.5]),
    tile=st.integers(4, 40),
    num_out=st.integers(1, 40),
    overlap=st.sampled_from([0, 0.25, 0.6]),
    window=st.sampled_from(["uniform", "hann", "gaussian"]),
)
def test_pixels_pool_to_the_mean_over_the_area(scale, tile, num_out, overlap, window):
    """Where each cell is one pixel and shows its own position, overlap changes nothing."""
    (level,) = plan_levels(Tiling(scales=(scale,), overlap=overlap), (tile, tile))
    size, tile = level.image_hw[0], level.tile_hw[0]
    bands = area_weights(level.grids[0].tops, tile, size, tile, num_out, window)
    seen = np.concatenate([np.arange(top, top + tile) for top in level.grids[0].tops])
    # mean of a staircase over each output cell, by its integral
    edges = np.arange(num_out + 1) * size / num_out
    whole = np.floor(edges)
    integral = whole * (whole - 1) / 2 + whole * (edges - whole)
    expected = np.diff(integral) * num_out / size
    np.testing.assert_allclose(dense(bands, tile, num_out) @ seen, expected, atol=1e-9)


@given(num_tiles=st.integers(1, 4), num_cells=st.integers(1, 9), num_out=st.integers(1, 20))
def test_adaptive_weights_equal_torch_area_mode(num_tiles, num_cells, num_out):
    values = torch.rand(1, 1, num_tiles * num_cells, dtype=torch.float64)
    expected = F.interpolate(values, size=num_out, mode="area")[0, 0].numpy()
    matrix = dense(adaptive_weights(num_tiles, num_cells, num_out), num_cells, num_out)
    np.testing.assert_allclose(matrix @ values[0, 0].numpy(), expected, atol=1e-12)


def test_both_rules_agree_for_whole_scales():
    for scale in (1, 2, 3):
        (level,) = plan_levels(Tiling(scales=(scale,)), (224, 224))
        area = area_weights(level.grids[0].tops, 224, level.image_hw[0], 16, 16)
        assert area == adaptive_weights(scale, 16, 16)


@pytest.mark.parametrize(("num_tiles", "identity"), [(1, True), (2, False)])
def test_one_tile_on_its_own_grid_is_copied(num_tiles, identity):
    assert all(band.is_identity == identity for band in adaptive_weights(num_tiles, 7, 7))
