"""The linear head of dense prediction: one linear map of each cell, as DINOv2's linear protocol."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from polyscale.data.dataset import IGNORED
from polyscale.heads.dense.upsample import upsample
from polyscale.types import HW

LABELS_A_CELL = 4
"""Labels along each side of a cell that the loss looks at."""


def cross_entropy(
    logits: Float[Tensor, "batch classes h w"], target: Int64[Tensor, "batch label_h label_w"]
) -> Float[Tensor, ""]:
    """Mean over the labelled pixels, the logits brought to the labels' size; 0 without any."""
    logits = upsample(logits, (target.shape[-2], target.shape[-1])).float()
    total = F.cross_entropy(logits, target, ignore_index=IGNORED, reduction="sum")
    return total / (target != IGNORED).sum().clamp(min=1)


def thin(target: Int64[Tensor, "batch label_h label_w"], most_hw: HW) -> Int64[Tensor, "batch h w"]:
    """Labels at the middles of a coarser grid, where there are more than that.

    Args:
        target: labels.
        most_hw: height and width that are not exceeded.
    """
    height, width = (min(n, most) for n, most in zip(target.shape[-2:], most_hw, strict=True))
    if (height, width) == target.shape[-2:]:
        return target
    middles = [
        ((torch.arange(n, device=target.device) + 0.5) * (size / n)).long()
        for n, size in zip((height, width), target.shape[-2:], strict=True)
    ]
    return target[:, middles[0][:, None], middles[1]]


class LinearSegmentation(nn.Module):
    """Batch norm without an affine part, then one linear map a cell; bilinear to the pixels.

    The norm standardises channels, which features of several models and scales need; scale and
    offset of its own would only repeat those of the linear map. The loss sees at most
    4×4 labels of each cell: between cells the logits are bilinear, and more labels than that
    cost time and add nearly nothing.

    Args:
        in_channels: of the maps.
        num_classes: at least 2.
    """

    def __init__(self, *, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.config = {"in_channels": in_channels, "num_classes": num_classes}
        self.norm = nn.BatchNorm2d(in_channels, affine=False)
        self.classify = nn.Conv2d(in_channels, num_classes, 1)
        # with none for a start, all classes are equally likely
        nn.init.zeros_(self.classify.weight)
        nn.init.zeros_(self.classify.bias)  # type: ignore[arg-type]

    def cell_scores(
        self, maps: Float[Tensor, "batch channels h w"]
    ) -> Float[Tensor, "batch num_classes h w"]:
        """Logits of the cells."""
        return self.classify(self.norm(maps))

    def loss(
        self,
        maps: Float[Tensor, "batch channels h w"],
        target: Int64[Tensor, "batch label_h label_w"],
    ) -> Float[Tensor, ""]:
        """Mean cross-entropy of the labels."""
        height, width = (LABELS_A_CELL * n for n in maps.shape[-2:])
        return cross_entropy(self.cell_scores(maps), thin(target, (height, width)))

    def scores(
        self, maps: Float[Tensor, "batch channels h w"], out_hw: HW
    ) -> Float[Tensor, "batch num_classes out_h out_w"]:
        """Logits of the pixels."""
        return upsample(self.cell_scores(maps), out_hw)
