import math

import pytest
import torch

from polyscale.errors import InputError
from polyscale.learning.heads.dense.depth import LinearDepthBins, silog_loss

RANGE_M = {"min_m": 0.1, "max_m": 8.0}


def plain(predicted, depth, forgiven):
    """The formula, image by image and pixel by pixel."""
    losses = []
    for p_map, t_map in zip(predicted.double(), depth.double(), strict=True):
        d = [
            math.log(p / t)
            for p, t in zip(p_map.ravel().tolist(), t_map.ravel().tolist(), strict=True)
            if 0.1 <= t <= 8
        ]
        if d:
            mean = sum(d) / len(d)
            losses.append(math.sqrt(sum(x * x for x in d) / len(d) - forgiven * mean**2))
    return sum(losses) / len(losses)


@pytest.fixture
def pair():
    """The last of three images has no valid pixel, the second one."""
    depth = torch.empty(3, 6, 5).uniform_(0.05, 9)
    depth[0, 2] = float("nan")
    depth[1] = float("nan")
    depth[1, 3, 3] = 2
    depth[2] = 20
    return torch.empty(3, 6, 5).uniform_(0.2, 9), depth


@pytest.mark.parametrize("forgiven", [0, 0.5, 0.85])
def test_it_is_the_formula(pair, forgiven):
    loss = silog_loss(*pair, forgiven=forgiven, **RANGE_M)
    assert float(loss) == pytest.approx(plain(*pair, forgiven), rel=1e-5)


def test_pixels_that_are_not_valid_change_neither_loss_nor_gradients(pair):
    predicted, depth = pair
    valid = (depth >= 0.1) & (depth <= 8)
    found = []
    for filling in (float("nan"), 0.0, 1e6):
        p = torch.where(valid, predicted, 3 + torch.rand(3, 6, 5)).requires_grad_()
        loss = silog_loss(p, torch.where(valid, depth, filling), **RANGE_M)
        loss.backward()
        assert (p.grad[~valid] == 0).all()
        found.append((loss, p.grad))
    for loss, gradient in found[1:]:
        assert loss == found[0][0]
        torch.testing.assert_close(gradient, found[0][1], rtol=0, atol=0)


def test_no_valid_pixel_and_no_error_are_0_with_finite_gradients():
    for depth in (torch.full((2, 3, 3), float("nan")), torch.full((2, 3, 3), 2.0)):
        predicted = torch.full((2, 3, 3), 2.0, requires_grad=True)
        loss = silog_loss(predicted, depth, **RANGE_M)
        loss.backward()
        assert loss.item() == pytest.approx(0, abs=2e-6)
        assert (predicted.grad == 0).all()


def test_gradients_are_those_of_finite_differences(pair):
    predicted, depth = (part.double() for part in pair)
    # loss is computed in float32, so steps are wide
    predicted.requires_grad_()
    silog_loss(predicted, depth, **RANGE_M).backward()
    step = torch.randn(predicted.shape).double() * 1e-2
    with torch.no_grad():
        up, down = (plain(predicted + sign * step, depth, 0.5) for sign in (1, -1))
    assert (up - down) / 2 == pytest.approx(float((predicted.grad * step).sum()), rel=0.02)


def test_a_common_factor_costs_less_than_scattered_errors():
    depth = torch.full((1, 4, 4), 2.0)
    common = silog_loss(1.5 * depth, depth, **RANGE_M)
    scattered = depth * torch.tensor([1.5, 1 / 1.5] * 8).view(1, 4, 4)
    assert common == pytest.approx(math.sqrt(0.5) * silog_loss(scattered, depth, **RANGE_M))


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
    with pytest.raises(InputError, match="weighing must be one of softmax, linear, but got 'max'"):
        LinearDepthBins(in_channels=3, weighing="max", **RANGE)
