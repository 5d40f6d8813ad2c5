import pytest
import torch

from polyscale.heads.dense.upernet import FourLevels


@pytest.mark.parametrize(
    ("grid_hw", "sizes"),
    [
        ((7, 7), [(28, 28), (14, 14), (7, 7), (4, 4)]),
        ((6, 9), [(24, 36), (12, 18), (6, 9), (3, 5)]),
        ((1, 1), [(4, 4), (2, 2), (1, 1), (1, 1)]),
    ],
)
def test_four_sizes_at_odd_and_tiny_grids(grid_hw, sizes):
    levels = FourLevels(5, 8)(torch.randn(2, 5, *grid_hw))
    assert [tuple(level.shape) for level in levels] == [(2, 8, *size) for size in sizes]


def test_every_parameter_learns():
    model = FourLevels(5, 8)
    sum(
        (level * torch.randn_like(level)).sum() for level in model(torch.randn(2, 5, 5, 3))
    ).backward()
    still = [name for name, p in model.named_parameters() if not p.grad.any()]
    assert still == []


def test_the_size_of_a_channel_does_not_matter():
    maps = torch.randn(4, 5, 6, 6)
    scale = torch.tensor([0.5, 1, 10, 1e2, 1e3])[:, None, None]
    model = FourLevels(5, 8)
    for one, other in zip(model(maps), model(maps * scale), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-3)
