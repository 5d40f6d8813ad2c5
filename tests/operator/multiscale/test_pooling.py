import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from polyscale.operator.multiscale.pooling import area_matrix, pool_level, window_weights
from polyscale.operator.plan import Tiling, plan_levels

WINDOWS = st.sampled_from(["uniform", "hann", "gaussian"])


@given(
    scale=st.sampled_from([0.5, 1, 1.1, 1.5, 2, 2.25, 3]),
    tile=st.integers(8, 60),
    cells_hw=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    out_hw=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    overlap=st.sampled_from([0, 0.3, 0.5]),
    aspect=st.sampled_from(["squash", "keep", "pad", "slide"]),
    window=WINDOWS,
)
def test_the_weights_of_each_output_cell_sum_to_one(
    scale, tile, cells_hw, out_hw, overlap, aspect, window
):
    tiling = Tiling(scales=(scale,), overlap=overlap, aspect=aspect, window=window)
    (level,) = plan_levels(tiling, (tile, tile), (2 * tile + 3, tile - 5))
    total = np.zeros(out_hw[0] * out_hw[1])
    for part in pool_level(level, cells_hw, out_hw):
        np.add.at(total, part.outputs, part.weights)
        assert part.cells.min() >= 0
        assert part.cells.max() < cells_hw[0] * cells_hw[1]
    np.testing.assert_allclose(total, 1, atol=1e-12)


@given(
    scale=st.sampled_from([1, 1.25, 2, 2.5]),
    tile=st.integers(4, 16),
    out_hw=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    overlap=st.sampled_from([0, 0.25, 0.6]),
    window=WINDOWS,
)
def test_pixels_pool_to_the_mean_over_the_area(scale, tile, out_hw, overlap, window):
    """Where each cell is one pixel and shows the picture itself, overlap changes nothing."""
    tiling = Tiling(scales=(scale,), overlap=overlap, window=window)
    (level,) = plan_levels(tiling, (tile, tile))
    side = level.image_hw[0]
    picture = np.random.default_rng(0).normal(size=(side, side))
    found = np.zeros(out_hw[0] * out_hw[1])
    parts = pool_level(level, (tile, tile), out_hw)
    for (top, left, bottom, right), part in zip(level.boxes_yxyx, parts, strict=True):
        cells = picture[top:bottom, left:right].ravel()
        np.add.at(found, part.outputs, part.weights * cells[part.cells])
    rows, columns = (area_matrix(side, num) for num in out_hw)
    np.testing.assert_allclose(found.reshape(out_hw), rows @ picture @ columns.T, atol=1e-9)


@settings(deadline=None)
@given(num_cells=st.integers(1, 12), factor=st.integers(1, 5))
def test_whole_factors_are_the_area_mode_of_torch(num_cells, factor):
    values = torch.rand(1, 1, num_cells * factor, dtype=torch.float64)
    expected = F.interpolate(values, size=num_cells, mode="area")[0, 0].numpy()
    found = area_matrix(num_cells * factor, num_cells) @ values[0, 0].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_one_tile_on_its_own_grid_is_copied():
    (level,) = plan_levels(Tiling(scales=(1,)), (14, 14))
    (tile,) = pool_level(level, (7, 7), (7, 7))
    assert np.array_equal(tile.cells, tile.outputs)
    assert np.array_equal(tile.weights, np.ones(49))


@pytest.mark.parametrize("window", ["uniform", "hann", "gaussian"])
def test_windows_are_symmetric_and_positive(window):
    weights = window_weights(window, (6, 5))
    np.testing.assert_allclose(weights, weights[::-1, ::-1])
    assert weights.min() > 0
    assert weights.max() <= 1
