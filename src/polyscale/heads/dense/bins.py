"""Depth as the mean of 256 bins whose weights are linear in the features."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from polyscale.errors import InputError
from polyscale.heads.dense.metres import check_range, coarse_loss, resize_metres
from polyscale.types import HW

FLOOR = 0.1
"""Added to each bin's weight, so that no pixel has none."""

FINER = 8
"""Training compares so many points a side of a cell: enough for the slope between cells."""


class LinearDepthBins(nn.Module):
    """Batch norm and one linear layer, the linear depth head of DINOv2.

    Bins stand evenly from the least to the most depth. A cell's weights are ReLU(logits) + 0.1,
    made to sum to 1, and its depth is the mean of the bins. (Oquab et al., "DINOv2", 2023, section
    7.4, after Bhat et al., "AdaBins", CVPR 2021.) Unlike there, channels are standardised by a
    batch norm, since scales and models differ in size; no CLS token is joined to the cells; depth
    and not features is brought to the size of the picture; and the loss is SiLog alone, λ 0.5,
    without a gradient term.

    Args:
        in_channels: of the maps.
        min_depth_m: the first bin.
        max_depth_m: the last bin.
        num_bins: in all.
    """

    bins_m: Tensor

    def __init__(
        self, *, in_channels: int, min_depth_m: float, max_depth_m: float, num_bins: int = 256
    ) -> None:
        super().__init__()
        check_range(min_depth_m, max_depth_m)
        if num_bins < 2:
            raise InputError(f"num_bins must be at least 2, but got {num_bins}.")
        self.config: dict[str, Any] = {
            "in_channels": in_channels,
            "min_depth_m": min_depth_m,
            "max_depth_m": max_depth_m,
            "num_bins": num_bins,
        }
        self.range_m = (min_depth_m, max_depth_m)
        # the layer has weights of its own for every channel, so that affine ones add nothing
        self.standardise = nn.BatchNorm2d(in_channels, affine=False)
        self.linear = nn.Conv2d(in_channels, num_bins, 1)
        bins_m = torch.linspace(min_depth_m, max_depth_m, num_bins)
        self.register_buffer("bins_m", bins_m, persistent=False)

    def forward(self, maps: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch 1 h w"]:
        """Depth of each cell in metres."""
        weights = self.linear(self.standardise(maps)).relu() + FLOOR
        depth_m = torch.einsum("bkhw,k->bhw", weights, self.bins_m) / weights.sum(dim=1)
        return depth_m[:, None].clamp(*self.range_m)  # rounding

    def loss(
        self, maps: Float[Tensor, "batch c h w"], target: Float[Tensor, "batch label_h label_w"]
    ) -> Float[Tensor, ""]:
        """SiLog, see `coarse_loss`."""
        cells = self(maps)
        finer_hw = (cells.shape[-2] * FINER, cells.shape[-1] * FINER)
        return coarse_loss(resize_metres(cells, finer_hw), target, self.range_m)

    def scores(
        self, maps: Float[Tensor, "batch c h w"], out_hw: HW
    ) -> Float[Tensor, "batch 1 out_h out_w"]:
        """Depth in metres."""
        return resize_metres(self(maps), out_hw)
