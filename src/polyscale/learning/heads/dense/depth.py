"""The base of all depth heads, their loss, and the linear head with 256 bins of depth."""

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from polyscale.checks import check_choice
from polyscale.errors import InputError
from polyscale.learning.heads.dense.train import MapTensor, constructor_arguments
from polyscale.types import HW

LAMBDA = 0.5
"""Share of the cost of a common factor that SiLog forgives: nothing at 0, everything at 1."""

TINY = 1e-12
"""Smallest number whose square root is taken; at 0 its gradient would be infinite."""

Weighing = Literal["softmax", "linear"]
"""How logits become weights: by softmax, or as ReLU(logits) + 0.1 divided by their sum."""

FLOOR = 0.1
"""Added to linear weights, so that no pixel has only weights of 0."""

FINER = 4
"""Number of points along each side of a cell that the linear head's loss compares: enough for the
slope between cells."""

Coarse = Float[Tensor, "batch 1 h w"]
"""Depth in metres at a head's own resolution."""


class DepthHead(nn.Module):
    """The base of depth heads: their range, their loss, and resizing to the size of a picture.

    A head defines `forward`: maps → depth in metres at its own resolution, within the range.
    """

    finer = 1

    def __init__(self, min_depth_m: float, max_depth_m: float) -> None:
        super().__init__()
        if not 0 < min_depth_m < max_depth_m:
            raise InputError(
                "min_depth_m must be above 0 and below max_depth_m, but got "
                f"{min_depth_m:g} and {max_depth_m:g}."
            )
        self.range_m = (min_depth_m, max_depth_m)

    def loss(
        self, maps: MapTensor, target: Float[Tensor, "batch label_h label_w"]
    ) -> Float[Tensor, ""]:
        """SiLog against the pixel in the middle of each cell, at the head's own resolution.

        Pixels are picked, not averaged: a mean across an edge is a depth that occurs nowhere. At
        the size of the pictures the linear head's steps take five times as long on a CPU, and it
        learns no more from them (rooms, 7×7 cells, 40 steps: RMSE 0.440 m both ways).

        The target is depth in metres, at any resolution; NaN is unknown.
        """
        depth_m = self(maps)
        if self.finer > 1:
            h, w = depth_m.shape[-2:]
            depth_m = resize_metres(depth_m, (h * self.finer, w * self.finer))
        middle = F.interpolate(target[:, None], depth_m.shape[-2:], mode="nearest-exact")
        least, most = self.range_m
        return silog_loss(depth_m[:, 0], middle[:, 0], min_m=least, max_m=most)

    def scores(self, maps: MapTensor, out_hw: HW) -> Float[Tensor, "batch 1 out_h out_w"]:
        """Depth in metres of the pixels."""
        return resize_metres(self(maps), out_hw)


def sigmoid_metres(logits: Tensor, min_depth_m: float, max_depth_m: float) -> Tensor:
    """Map any number to a depth in the range.

    The usual sigmoid × largest depth also gives depths below the smallest, whose logarithms become
    very large; with the smallest depth of NYUv2, 1 mm, the difference is negligible.
    """
    return min_depth_m + (max_depth_m - min_depth_m) * logits.float().sigmoid()


def resize_metres(depth_m: Coarse, out_hw: HW) -> Coarse:
    """Resize bilinearly, with pixel centres at halves, which never leaves the range of depths."""
    return F.interpolate(depth_m, out_hw, mode="bilinear", align_corners=False)


def silog_loss(
    predicted_m: Float[Tensor, "batch h w"],
    depth_m: Float[Tensor, "batch h w"],
    *,
    min_m: float,
    max_m: float,
    forgiven: float = LAMBDA,
) -> Float[Tensor, ""]:
    """√(mean(d²) - λ · mean(d)²), with d = ln predicted - ln true over an image's valid pixels.

    The mean is over the images that have any valid pixel; 0, with gradients of 0, where none has.
    Per image, as in mmsegmentation's configuration of VPD, which the paper trains by. (Eigen et
    al., "Depth map prediction from a single image", NeurIPS 2014, section 3.2, and its root.) The
    metric of the same name differs: it has λ = 1 and is 100 times as large.

    Args:
        predicted_m: above 0.
        depth_m: the truth; pixels that are NaN, nearer than `min_m` or farther than `max_m` are
            ignored.
        min_m: above 0.
        max_m: above `min_m`.
        forgiven: λ.
    """
    valid = (depth_m >= min_m) & (depth_m <= max_m)  # False for NaN
    # the truth is filled before the logarithm: a NaN times 0 would be NaN
    truth = torch.where(valid, depth_m, torch.ones_like(depth_m)).float()
    d = torch.where(valid, predicted_m.float().log() - truth.log(), 0.0).flatten(1)
    num = valid.flatten(1).sum(dim=1).clamp(min=1)
    mean = d.sum(dim=1) / num
    centred = torch.where(valid.flatten(1), d - mean[:, None], 0.0)
    # mean(d²) - λ mean(d)² without the loss of digits
    squared = centred.square().sum(dim=1) / num + (1 - forgiven) * mean.square()
    has_valid = valid.flatten(1).any(dim=1)
    losses = torch.where(has_valid, squared.clamp(min=TINY).sqrt(), 0.0 * squared)
    return losses.sum() / has_valid.sum().clamp(min=1)


class LinearDepthBins(DepthHead):
    """Batch norm and one linear layer, after the linear depth head of DINOv2.

    Bins are evenly spaced over the range of depths, and the depth of a cell is their mean under its
    weights. (Oquab et al., "DINOv2", 2023, section 7.4, after Bhat et al., "AdaBins", CVPR 2021.)
    Some things differ. Weights are a softmax, as in AdaBins, that starts from 1 / depth; the linear
    weights of DINOv2 start near the middle of the range and need many thousands of steps to leave
    it. (On 80 held-out training rooms, EfficientNet-Lite0 at scales 1 and 2: RMSE 0.37 m in 400
    steps; with linear weights 0.40 m in 800.) The batch norm standardises channels, since features
    of several scales and models differ in size. No CLS token is joined to the cells. The depth, not
    the features, is resized to the picture. The loss is SiLog alone, λ 0.5, with no gradient term.

    Args:
        min_depth_m: the first bin.
        max_depth_m: the last bin.
        num_bins: number of bins.
        weighing: "linear" is that of DINOv2.
    """

    bins_m: Tensor
    finer = FINER

    def __init__(
        self,
        *,
        in_channels: int,
        min_depth_m: float,
        max_depth_m: float,
        num_bins: int = 256,
        weighing: Weighing = "softmax",
    ) -> None:
        config = constructor_arguments(locals())
        super().__init__(min_depth_m, max_depth_m)
        self.config = config
        if num_bins < 2:
            raise InputError(f"num_bins must be at least 2, but got {num_bins}.")
        check_choice("weighing", weighing, get_args(Weighing))
        # the layer weighs every channel itself, so an affine part of the norm would add nothing
        self.standardise = nn.BatchNorm2d(in_channels, affine=False)
        self.linear = nn.Conv2d(in_channels, num_bins, 1)
        bins_m = torch.linspace(min_depth_m, max_depth_m, num_bins)
        self.register_buffer("bins_m", bins_m, persistent=False)
        if weighing == "softmax":
            # 1 / depth: the same weight for each doubling; the first bin may be next to 0
            width_m = (max_depth_m - min_depth_m) / (num_bins - 1)
            self.linear.bias = nn.Parameter(-bins_m.clamp(min=width_m).log())

    def forward(self, maps: MapTensor) -> Coarse:
        """Depth of each cell in metres."""
        # in float32 also under autocast: eight bits of mantissa are too few for metres
        weights = self._weights(self.linear(self.standardise(maps)).float())
        depth_m = (weights * self.bins_m[:, None, None]).sum(dim=1, keepdim=True)
        return depth_m.clamp(*self.range_m)  # rounding

    def _weights(self, logits: Tensor) -> Tensor:
        if self.config["weighing"] == "softmax":
            return logits.softmax(dim=1)
        weights = logits.relu() + FLOOR
        return weights / weights.sum(dim=1, keepdim=True)
