"""An identity-like backbone, whose result must be the pooled image, whatever the tiles."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polyscale.operator.multiscale import MultiScale
from polyscale.operator.multiscale.resize import resize
from polyscale.types import TileFeatures


class Pixels(torch.nn.Module):
    """Each cell is one pixel. Float64, so that only rounding of the weights is left."""

    name, fixed_tile, mean, std, num_prefix, has_cls, dim = "px", False, None, None, 0, False, 3
    in_channels = 3

    def __init__(self, tile_hw) -> None:
        super().__init__()
        self.tile_hw = self.grid_hw = tile_hw

    def forward(self, tiles):
        return TileFeatures(tiles, tiles.new_zeros(len(tiles), 0, 3))


def pooled(image, grid_hw):
    """Mean over the area of each output cell, by the image's integral."""
    for axis, num in ((2, grid_hw[0]), (3, grid_hw[1])):
        size = image.shape[axis]
        edges = torch.arange(num + 1, dtype=torch.float64) * size / num
        integral = F.pad(image.movedim(axis, -1).cumsum(-1), (1, 0))
        low = edges.floor().long().clamp(max=size)
        part = edges - low
        high = (low + 1).clamp(max=size)
        at = integral[..., low] * (1 - part) + integral[..., high] * part
        image = ((at[..., 1:] - at[..., :-1]) * num / size).movedim(-1, axis)
    return image


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    tile_hw=st.tuples(st.integers(3, 12), st.integers(3, 12)),
    image_hw=st.tuples(st.integers(5, 60), st.integers(5, 60)),
    scale=st.sampled_from([0.5, 1, 1.3, 1.5, 2, 2.7, 3, 4]),
    aspect=st.sampled_from(["squash", "keep", "pad"]),
    overlap=st.sampled_from([0, 0.2, 0.5]),
    window=st.sampled_from(["uniform", "hann", "gaussian"]),
    shifted=st.booleans(),
    split=st.booleans(),
    output_grid=st.one_of(
        st.sampled_from(["auto", "base", "largest"]),
        st.tuples(st.integers(1, 20), st.integers(1, 20)),
    ),
    tile_batch=st.integers(1, 9),
    batch=st.integers(1, 2),
)
def test_result_is_the_pooled_level(image_hw, tile_hw, scale, tile_batch, batch, **options):
    module = MultiScale(Pixels(tile_hw), (scale,), tile_batch=tile_batch, **options)
    plan = module.plan_for(image_hw)
    image = torch.randn(batch, 3, *image_hw, dtype=torch.float64)
    (level,) = plan.levels
    seen = resize(image, level.image_hw)  # tested apart, against torch
    features = module(image)
    assert features.grid_hw == plan.grid_hw
    torch.testing.assert_close(features.map, pooled(seen, plan.grid_hw), rtol=0, atol=1e-6)


@pytest.mark.parametrize("options", [{}, {"overlap": 0.5, "window": "hann"}, {"shifted": True}])
def test_gradient_is_that_of_pooling(options):
    module = MultiScale(Pixels((8, 8)), (2,), output_grid=(4, 4), **options)
    image = torch.randn(1, 3, 16, 16, dtype=torch.float64, requires_grad=True)
    target = torch.randn(1, 3, 4, 4, dtype=torch.float64)
    (ours,) = torch.autograd.grad((module(image).map * target).sum(), image)
    (theirs,) = torch.autograd.grad((F.avg_pool2d(image, 4) * target).sum(), image)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


def test_padding_is_never_pooled():
    """A constant image stays constant, although the model sees zeros beside it."""
    module = MultiScale(Pixels((8, 8)), (1, 2, 3), aspect="pad")
    image = torch.full((1, 3, 5, 16), 7.0)
    torch.testing.assert_close(module(image).map, torch.full((1, 9, 8, 8), 7.0))
