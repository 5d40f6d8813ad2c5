import numpy as np
import pytest
import torch
import torch.nn.functional as F

from polyscale.errors import InputError
from polyscale.features import ArrayMaps
from polyscale.learning.heads.dense import points
from polyscale.learning.heads.dense.points import bilinear, sample_points

ALL = 10**9


@pytest.mark.parametrize("grid_hw", [(6, 6), (3, 5), (1, 2)])
def test_between_cells_features_are_what_resizing_gives(grid_hw):
    maps = np.random.default_rng(0).normal(size=(2, *grid_hw, 4)).astype(np.float16)
    resized = F.interpolate(
        torch.from_numpy(maps).float().permute(0, 3, 1, 2), (9, 7), mode="bilinear"
    )
    image, row, column = (places.ravel() for places in np.indices((2, 9, 7)))
    rows = bilinear(maps, image, (row + 0.5) / 9, (column + 0.5) / 7)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, resized.permute(0, 2, 3, 1).reshape(-1, 4).numpy(), atol=1e-5)


def test_points_are_the_pixels_with_a_target(toy):
    maps, targets = toy.problem(num=37)
    found = sample_points(maps, targets, max_rows=ALL, seed=0)
    known = targets.array != -1
    assert np.array_equal(found.targets, targets.array[known])
    assert np.array_equal(found.images, np.nonzero(known)[0])
    pixel = found.features[found.images == 36][-1]  # the last one: beyond the centres of cells
    np.testing.assert_array_equal(pixel, maps.take(np.array([36]))[0, -1, -1])


def test_unknown_depths_are_left_out(toy):
    maps, labels = toy.problem(num=5)
    metres = np.where(labels.array < 0, np.nan, labels.array + 1).astype(np.float32)
    found = sample_points(maps, toy.ArrayTargets(metres), max_rows=100, seed=0)
    assert len(found.targets) == 100
    assert found.targets.dtype == np.float32
    assert np.isfinite(found.targets).all()


def test_a_sample_keeps_the_shares_and_the_rare(toy):
    maps, targets = toy.problem(num=40)
    targets.array[targets.array == 2] = 1
    targets.array[3, 4:6, 4:6] = 2  # four pixels
    found, again, other = (
        sample_points(maps, targets, max_rows=200, seed=seed) for seed in (1, 1, 2)
    )
    counts = np.bincount(found.targets)
    assert counts[2] == 4
    assert counts[:2].sum() == pytest.approx(200, abs=5)
    assert counts[1] / counts[0] == pytest.approx(2, rel=0.2)
    assert np.array_equal(found.features, again.features)
    assert not np.array_equal(found.features, other.features)


def test_many_images_are_seen_on_a_coarser_raster(toy, monkeypatch):
    maps, targets = toy.problem(num=10)
    monkeypatch.setattr(points, "MAX_PIXELS", 10 * 4 * 4)
    found = sample_points(maps, targets, max_rows=ALL, seed=0)
    assert np.array_equal(found.targets, targets.array[:, 1::3, 1::3].ravel())


def test_refuses_what_teaches_nothing(toy):
    maps, targets = toy.problem(num=5)
    with pytest.raises(InputError, match="one for each map of 5, but got 4"):
        sample_points(maps, toy.ArrayTargets(targets.array[:4]), max_rows=9, seed=0)
    targets.array[:] = -1
    with pytest.raises(InputError, match="targets must be known somewhere"):
        sample_points(maps, targets, max_rows=9, seed=0)
    assert isinstance(maps, ArrayMaps)
