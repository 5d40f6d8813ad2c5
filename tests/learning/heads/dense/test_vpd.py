import pytest
import torch

from polyscale.errors import InputError
from polyscale.learning.heads.dense.vpd import VPD_PAPER, VPD_PAPER_TRAINING, VpdDepth

RANGE = {"min_depth_m": 0.5, "max_depth_m": 4}


def test_the_last_layer_goes_through_a_sigmoid():
    head = VpdDepth(in_channels=6, **RANGE).eval()
    maps = torch.randn(2, 6, 3, 5)
    torch.nn.init.zeros_(head.layers[-1].weight)
    for bias, depth_m in ((0, 2.25), (100, 4.0), (-100, 0.5)):
        torch.nn.init.constant_(head.layers[-1].bias, bias)
        with torch.no_grad():
            torch.testing.assert_close(head(maps), torch.full((2, 1, 24, 40), depth_m))


def test_the_paper_size():
    with torch.device("meta"):
        head = VpdDepth(in_channels=1536, **RANGE, **VPD_PAPER)
        depth = head(torch.empty(2, 1536, 16, 16))
    assert depth.shape == (2, 1, 512, 512)
    kinds = [type(m) for m in head.modules()]
    assert kinds.count(torch.nn.ConvTranspose2d) == 3
    assert (VPD_PAPER_TRAINING.steps, VPD_PAPER_TRAINING.weight_decay) == (25_000, 0.1)


def test_mistakes():
    with pytest.raises(InputError, match="feature_channels must be a multiple of 16, but got 24"):
        VpdDepth(in_channels=3, feature_channels=24, **RANGE)
