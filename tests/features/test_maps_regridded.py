import numpy as np
import pytest
import torch

from polyscale.features import ArrayMaps, RegriddedMaps
from polyscale.operator.multiscale import MultiScale


@pytest.mark.parametrize("scales", [(1, 2), (1, 2, 3)])
def test_maps_of_each_scale_become_those_of_the_operator(tiny_backbone, scales):
    backbone, images = tiny_backbone(), torch.randn(2, 3, 96, 96)
    whole = MultiScale(backbone, scales, output_grid="largest", prefix="none")
    with torch.no_grad():
        expected = whole(images)
        for scale, level in zip(scales, expected.scales, strict=True):
            own = MultiScale(backbone, (scale,), output_grid="largest", prefix="none")(images).map
            maps = ArrayMaps(own.permute(0, 2, 3, 1).numpy())
            found = RegriddedMaps(maps, whole.plan.grid_hw)
            assert found.shape == (2, *whole.plan.grid_hw, 6)
            np.testing.assert_allclose(
                found.take(np.arange(2)), level.map.permute(0, 2, 3, 1), atol=1e-5
            )


def test_only_the_maps_that_are_asked_for_come_in_their_order(tiny_backbone):
    array = np.random.default_rng(0).normal(size=(5, 2, 3, 4)).astype(np.float16)
    found = RegriddedMaps(ArrayMaps(array), (4, 6)).take(np.array([3, 1]))
    np.testing.assert_allclose(found[:, ::2, ::2], array[[3, 1]], rtol=1e-3)
    assert found.dtype == np.float16
