"""The base of all segmentation heads, scores of cells → labels of pixels, and the linear head."""

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int16, Int64
from torch import Tensor, nn

from polyscale.data import IGNORED
from polyscale.learning.heads.dense.train import MapTensor, constructor_arguments
from polyscale.types import HW

LabelTensor = Int64[Tensor, "batch label_h label_w"]
"""Class of each pixel, with `IGNORED`; it covers the same part of the image as the maps, at any
resolution."""

LABELS_PER_CELL = 4
"""Number of labels along each side of a cell that the loss uses."""


def upsample(
    logits: Float[Tensor, "batch classes h w"], out_hw: HW
) -> Float[Tensor, "batch classes out_h out_w"]:
    """Enlarge bilinearly, with the corners of pixels aligned, not their centres."""
    return F.interpolate(logits, out_hw, mode="bilinear", align_corners=False)


@torch.no_grad()
def predict_labels(
    logits: Float[Tensor, "batch classes h w"], out_hw: HW
) -> Int16[Tensor, "batch out_h out_w"]:
    """`upsample(logits, out_hw).argmax(1)`, class by class, which takes little memory."""
    return torch.stack([_labels_of_image(image, out_hw) for image in logits.float()])


def _labels_of_image(
    logits: Float[Tensor, "classes h w"], out_hw: HW
) -> Int16[Tensor, "out_h out_w"]:
    # Between four neighbouring cells a class neither exceeds the highest of its four scores nor
    # falls below the lowest. Classes that therefore win nowhere are left out, often most of them.
    padded = F.pad(logits[None], (1, 1, 1, 1), mode="replicate")
    highest, lowest = F.max_pool2d(padded, 2, 1)[0], -F.max_pool2d(-padded, 2, 1)[0]
    may_win = ~(highest < lowest.amax(dim=0)).flatten(1).all(dim=1)
    best = torch.full(out_hw, -torch.inf, device=logits.device)
    labels = torch.zeros(out_hw, dtype=torch.int16, device=logits.device)
    for label in may_win.nonzero()[:, 0].tolist():
        scores = upsample(logits[None, label : label + 1], out_hw)[0, 0]
        labels[scores > best] = label
        best = torch.maximum(scores, best)
    return labels


class SegmentationHead(nn.Module, ABC):
    """The base of segmentation heads: scores of cells are enlarged to the pixels."""

    @abstractmethod
    def cell_scores(self, maps: MapTensor) -> Float[Tensor, "batch num_classes h w"]:
        """Scores at the head's own resolution."""

    def scores(self, maps: MapTensor, out_hw: HW) -> Float[Tensor, "batch num_classes out_h out_w"]:
        """Scores of the pixels."""
        return upsample(self.cell_scores(maps), out_hw)


def cross_entropy(
    logits: Float[Tensor, "batch classes h w"], target: LabelTensor
) -> Float[Tensor, ""]:
    """Mean over the labelled pixels, with the logits enlarged to the labels; 0 without labels."""
    logits = upsample(logits, (target.shape[-2], target.shape[-1])).float()
    total = F.cross_entropy(logits, target, ignore_index=IGNORED, reduction="sum")
    return total / (target != IGNORED).sum().clamp(min=1)


def subsample(target: LabelTensor, most_hw: HW) -> LabelTensor:
    """Labels at the centres of a grid of at most this height and width."""
    height, width = (min(n, most) for n, most in zip(target.shape[-2:], most_hw, strict=True))
    if (height, width) == target.shape[-2:]:
        return target
    middles = [
        ((torch.arange(n, device=target.device) + 0.5) * (size / n)).long()
        for n, size in zip((height, width), target.shape[-2:], strict=True)
    ]
    return target[:, middles[0][:, None], middles[1]]


class LinearSegmentation(SegmentationHead):
    """Batch norm without an affine part, then a linear map of each cell; bilinear to the pixels.

    The norm standardises channels, since features of several models and scales differ in size; an
    affine part would only repeat the linear map. The loss uses at most 4×4 labels of each cell:
    between cells the logits are bilinear, and more labels cost time and add nearly nothing.
    """

    def __init__(self, *, in_channels: int, num_classes: int) -> None:
        config = constructor_arguments(locals())
        super().__init__()
        self.config = config
        self.norm = nn.BatchNorm2d(in_channels, affine=False)
        self.classify = nn.Conv2d(in_channels, num_classes, 1)
        # all classes start equally likely
        nn.init.zeros_(self.classify.weight)
        nn.init.zeros_(self.classify.bias)  # type: ignore[arg-type]

    def cell_scores(self, maps: MapTensor) -> Float[Tensor, "batch num_classes h w"]:
        """Logits of the cells."""
        return self.classify(self.norm(maps))

    def loss(self, maps: MapTensor, target: LabelTensor) -> Float[Tensor, ""]:
        """Mean cross-entropy of the labels."""
        height, width = (LABELS_PER_CELL * n for n in maps.shape[-2:])
        return cross_entropy(self.cell_scores(maps), subsample(target, (height, width)))
