import pytest
import torch

from polyscale.errors import InputError
from polyscale.learning.heads.dense.dpt import DptDepth

transformers = pytest.importorskip("transformers")

SMALL = {
    "neck_channels": (48, 96, 192, 384),
    "fusion_channels": 64,
    "head_channels": 32,
    "cell_px": 14,
}
"""Depth Anything on a ViT-S; its cells are 14 pixels a side."""

LARGE = SMALL | {"neck_channels": (256, 512, 1024, 1024), "fusion_channels": 256}
"""The same on a ViT-L, and DPT-Large (Ranftl et al., 2021)."""


def test_it_is_depth_anything_given_the_same_weights():
    """Fed with one standardised map four times, and with a depth of 1 m at most."""
    from transformers.models.depth_anything import modeling_depth_anything as depth_anything

    ours = DptDepth(in_channels=384, min_depth_m=0.5, max_depth_m=4, **SMALL).eval()
    config = transformers.DepthAnythingConfig(depth_estimation_type="metric")
    neck = depth_anything.DepthAnythingNeck(config)
    head = depth_anything.DepthAnythingDepthEstimationHead(config)
    missing, unknown = neck.load_state_dict(ours.neck.state_dict(), strict=False)
    assert not unknown
    assert all(name.startswith("fusion_stage.layers.0.residual_layer1") for name in missing)
    head.load_state_dict(ours.head.state_dict())
    maps = torch.randn(2, 384, 5, 9)
    with torch.no_grad():
        tokens = ours.standardise(maps).flatten(2).transpose(1, 2)
        # what stands first is the CLS token, which is dropped
        states = [torch.cat([torch.randn(2, 1, 384), tokens], dim=1)] * 4
        theirs = head(neck(states, 5, 9), 5, 9)
        assert theirs.shape == (2, 70, 126)
        torch.testing.assert_close(ours(maps)[:, 0], 0.5 + 3.5 * theirs)


def test_the_paper_size_is_that_of_dpt_large():
    with torch.device("meta"):
        head = DptDepth(in_channels=1024, min_depth_m=0.1, max_depth_m=10, **LARGE)
    count = sum(p.numel() for p in head.parameters())
    # DPT-Large has 343 million, 304 of them in ViT-L; its readout projections are not here
    assert 25e6 < count < 35e6


def test_mistakes():
    with pytest.raises(InputError, match="neck_channels must be four numbers"):
        DptDepth(in_channels=3, min_depth_m=0.1, max_depth_m=10, neck_channels=(8, 8))
