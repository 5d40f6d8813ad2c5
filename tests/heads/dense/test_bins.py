import pytest
import torch

from polyscale.errors import InputError
from polyscale.heads.dense.depth import LinearDepthBins

RANGE = {"min_depth_m": 1e-3, "max_depth_m": 10.0}


@pytest.mark.parametrize("weighing", ["softmax", "linear"])
def test_depth_is_the_mean_of_the_bins(weighing):
    head = LinearDepthBins(in_channels=6, num_bins=9, weighing=weighing, **RANGE).eval()
    maps = torch.randn(2, 6, 3, 4)
    depth = head(maps)
    layer = head.linear
    for image, row, column in ((0, 0, 0), (1, 2, 3)):
        cell = maps[image, :, row, column] / (1 + head.standardise.eps) ** 0.5
        logits = (layer.weight[:, :, 0, 0] @ cell + layer.bias).tolist()
        if weighing == "softmax":
            weights = torch.tensor(logits).exp().tolist()
        else:
            weights = [max(x, 0) + 0.1 for x in logits]
        bins = [1e-3 + i * (10 - 1e-3) / 8 for i in range(9)]
        mean = sum(w * b for w, b in zip(weights, bins, strict=True)) / sum(weights)
        assert depth[image, 0, row, column].item() == pytest.approx(mean, rel=1e-5)


def test_features_of_any_size_are_alike():
    """A scale whose features are a thousand times larger learns no faster."""
    maps, target = torch.randn(8, 6, 3, 4), torch.rand(8, 30, 40) + 1
    head = LinearDepthBins(in_channels=6, **RANGE)
    loss = head.loss(maps, target)
    torch.testing.assert_close(head.loss(1000 * maps + 5, target), loss, rtol=1e-3, atol=0)


def test_it_starts_from_bins_weighed_by_1_over_depth():
    head = LinearDepthBins(in_channels=6, **RANGE).eval()
    torch.nn.init.zeros_(head.linear.weight)
    near = torch.arange(1, 256).reciprocal()
    expected = 10 * (256 / 255) / (1 + float(near.sum()))
    with torch.no_grad():
        assert head(torch.zeros(1, 6, 1, 1)).item() == pytest.approx(expected, rel=0.02)


def test_mistakes():
    with pytest.raises(InputError, match="num_bins must be at least 2, but got 1"):
        LinearDepthBins(in_channels=3, num_bins=1, **RANGE)
    with pytest.raises(InputError, match="weighing must be 'softmax' or 'linear', but got 'max'"):
        LinearDepthBins(in_channels=3, weighing="max", **RANGE)
