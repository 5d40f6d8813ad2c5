import numpy as np
import pytest
import torch
import torch.nn.functional as F

from polyscale.errors import InputError
from polyscale.learning.heads.dense.pixels import bilinear, take_pixels


def resized(maps, out_hw):
    """As torch enlarges them (num · out_h · out_w, channels)."""
    tensor = torch.from_numpy(maps).float().permute(0, 3, 1, 2)
    larger = F.interpolate(tensor, out_hw, mode="bilinear")
    return larger.permute(0, 2, 3, 1).reshape(-1, maps.shape[-1]).numpy()


@pytest.mark.parametrize("grid_hw", [(6, 6), (3, 5), (1, 2)])
def test_between_cells_features_are_what_resizing_gives(grid_hw):
    maps = np.random.default_rng(0).normal(size=(2, *grid_hw, 4)).astype(np.float16)
    image, row, column = (places.ravel() for places in np.indices((2, 9, 7)))
    rows = bilinear(maps, image, (row + 0.5) / 9, (column + 0.5) / 7)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, resized(maps, (9, 7)), atol=1e-5)


def test_few_cells_are_the_rows_and_pixels_mix_them(toy):
    maps, targets = toy.problem(num=37)
    pixels = take_pixels(maps, targets, num_classes=3, max_rows=37 * 36, seed=0)
    order = np.random.default_rng(0).permutation(37)
    labels, everything = targets.take(order), maps.take(order)
    known = labels != -1
    assert np.array_equal(pixels.features, everything.reshape(-1, 5))
    assert np.array_equal(pixels.counts, np.eye(3)[labels[known]])
    assert np.array_equal(pixels.images, np.nonzero(known)[0])
    expected = resized(everything, (12, 12))[known.ravel()]
    np.testing.assert_allclose(pixels.mixing @ pixels.features, expected, atol=1e-5)


def test_of_many_cells_pixels_are_drawn_which_are_rows(toy):
    maps, targets = toy.problem(num=40)
    targets.array[targets.array == 2] = 1
    targets.array[3, 4:6, 4:6] = 2  # four pixels
    some, again, other = (
        take_pixels(maps, targets, num_classes=3, max_rows=200, seed=seed) for seed in (1, 1, 2)
    )
    assert some.mixing is None
    assert len(some.features) == len(some.counts)
    counts = some.counts.sum(axis=0)
    assert counts[2] == 4
    assert counts[:2].sum() == pytest.approx(200, abs=5)
    assert counts[1] / counts[0] == pytest.approx(2, rel=0.2)
    assert np.array_equal(some.features, again.features)
    assert not np.array_equal(some.features, other.features)


def test_many_images_are_seen_on_a_coarser_raster(toy, monkeypatch):
    maps, targets = toy.problem(num=10)
    monkeypatch.setattr("polyscale.learning.heads.dense.pixels.MAX_PIXELS", 10 * 4 * 4)
    pixels = take_pixels(maps, targets, num_classes=3, max_rows=160, seed=0)
    order = np.random.default_rng(0).permutation(10)
    labels = targets.array[order, 1::3, 1::3].ravel()
    assert np.array_equal(pixels.counts, np.eye(3)[labels])


def test_refuses_what_teaches_nothing(toy):
    maps, targets = toy.problem(num=5)
    with pytest.raises(InputError, match="one for each map of 5, but got 4"):
        take_pixels(maps, toy.ArrayTargets(targets.array[:4]), num_classes=3, max_rows=9, seed=0)
    targets.array[:] = -1
    with pytest.raises(InputError, match="at least two classes, but got 0"):
        take_pixels(maps, targets, num_classes=3, max_rows=9, seed=0)
