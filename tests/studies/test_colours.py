import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from sklearn.decomposition import PCA

from polyscale.studies.colours import principal_axes, to_unit, turn_towards


@pytest.fixture
def cells():
    generator = np.random.default_rng(0)
    return generator.normal(size=(300, 20)) * np.linspace(5, 1, 20) + 7


def test_axes_are_those_of_scikit_learn(cells):
    expected = PCA(3, whiten=True, svd_solver="full").fit_transform(cells)
    got = (cells - cells.mean(0)) @ principal_axes(cells)
    # scikit-learn divides by n - 1, and fixes signs another way
    np.testing.assert_allclose(np.abs(got), np.abs(expected) * np.sqrt(300 / 299), rtol=1e-6)


def test_signs_do_not_depend_on_the_order_of_cells(cells):
    np.testing.assert_allclose(principal_axes(cells), principal_axes(cells[::-1]), atol=1e-9)


@pytest.mark.parametrize("num", [1, 2, 3])
def test_few_cells_leave_axes_empty(cells, num):
    axes = principal_axes(cells[:num].astype(np.float32))
    assert np.isfinite(axes).all()
    assert (np.abs(axes).max(axis=0) > 0).sum() == num - 1
    colours = to_unit(cells[:num] @ axes)
    assert (colours[:, num - 1 :] == 0.5).all()


def test_a_turned_copy_is_turned_back(cells):
    coordinates = cells[:, :3] - cells[:, :3].mean(0)
    turned = coordinates @ Rotation.random(rng=np.random.default_rng(1)).as_matrix()
    back = turned @ turn_towards(turned, coordinates)
    np.testing.assert_allclose(back, coordinates, atol=1e-9)


def test_unit_range_is_used_in_full(cells):
    colours = to_unit(cells[:, :3])
    assert colours.min() == 0
    assert colours.max() == 1
    assert 0.005 < (colours == 1).mean() < 0.03
