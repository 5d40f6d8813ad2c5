"""UPerNet, the paper's head for segmentation, and the four levels that it and others expect.

A frozen backbone gives one map, at one stride; UPerNet and Mask2Former expect four. The S² paper
does not say how it made four maps of one. Both heads here use the simple feature pyramid of ViTDet
(Li et al., "Exploring plain vision transformer backbones for object detection", ECCV 2022, section
3), in which transposed convolutions make the finer levels and pooling makes the coarser one, each
from the same map, without a top-down path. Two things differ. Channels are standardised first,
since features of several scales and models differ in size by orders of magnitude. And the number
of channels is reduced before the levels part, not after, since joined scales have thousands.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

from jaxtyping import Float
from torch import Tensor, nn

from polyscale.errors import require
from polyscale.learning.heads.dense.segmentation import (
    LabelTensor,
    SegmentationHead,
    cross_entropy,
    subsample,
)
from polyscale.learning.heads.dense.train import MapTensor, constructor_arguments

AUXILIARY_WEIGHT = 0.4
"""Weight of the auxiliary head's loss, as is customary (MMSegmentation, transformers)."""

LABELS_PER_CELL = 2
"""Number of labels along each side of a cell of the finest level that the loss uses."""

Levels: TypeAlias = tuple[Tensor, Tensor, Tensor, Tensor]
"""From fine to coarse, each (batch, channels, level_h, level_w)."""


class LayerNorm2d(nn.LayerNorm):
    """Layer norm over the channels of each cell of a map."""

    def forward(self, input: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Normalise each cell."""
        return super().forward(input.movedim(1, -1)).movedim(-1, 1).contiguous()


class FourLevels(nn.Module):
    """Four maps from one, at 4, 2, 1 and ½ times its grid; half of an odd side is rounded up.

    A grid of 7×7 gives 28×28, 14×14, 7×7 and 4×4; one of 1×1 gives 4×4, 2×2, 1×1 and 1×1.
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        # the projection weighs every channel itself, so an affine norm would add nothing
        self.standardise = nn.BatchNorm2d(in_channels, affine=False)
        self.project = nn.Sequential(nn.Conv2d(in_channels, channels, 1), LayerNorm2d(channels))
        self.finest = nn.Sequential(
            _twice(channels), LayerNorm2d(channels), nn.GELU(), _twice(channels)
        )
        self.finer = _twice(channels)
        self.same = nn.Conv2d(channels, channels, 1)
        self.coarser = nn.Sequential(
            nn.MaxPool2d(2, ceil_mode=True), nn.Conv2d(channels, channels, 1)
        )
        self.norms = nn.ModuleList(LayerNorm2d(channels) for _ in range(4))

    def forward(self, maps: Float[Tensor, "batch in_channels h w"]) -> Levels:
        """The levels, from fine to coarse."""
        x = self.project(self.standardise(maps))
        paths = (self.finest, self.finer, self.same, self.coarser)
        a, b, c, d = (norm(path(x)) for path, norm in zip(paths, self.norms, strict=True))
        return a, b, c, d


def _twice(channels: int) -> nn.Module:
    return nn.ConvTranspose2d(channels, channels, 2, stride=2)


class UPerNetSegmentation(SegmentationHead):
    """Four levels, pyramid pooling of the coarsest, a top-down path, all levels joined.

    Source: Xiao et al., "Unified perceptual parsing for scene understanding", ECCV 2018, as
    transformers implements it after MMSegmentation. Logits have 4 times the grid of the map.

    Args:
        channels: of the levels and within the head; 512 is the customary size.
        pool_sizes: sides of the grids to which the coarsest level is pooled.
        auxiliary: whether a small head on the third level is also trained; predictions ignore it.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        num_classes: int,
        channels: int = 512,
        pool_sizes: Sequence[int] = (1, 2, 3, 6),
        auxiliary: bool = True,
    ) -> None:
        config = constructor_arguments(locals())
        super().__init__()
        self.config = config
        self.levels = FourLevels(in_channels, channels)
        self.decode, self.auxiliary = _heads(channels, num_classes, pool_sizes, auxiliary)

    def cell_scores(self, maps: MapTensor) -> Float[Tensor, "batch num_classes 4*h 4*w"]:
        """Logits of the cells of the finest level."""
        return self.decode(self.levels(maps))

    def loss(self, maps: MapTensor, target: LabelTensor) -> Float[Tensor, ""]:
        """Mean cross-entropy of the labels, plus that of the auxiliary head."""
        levels = self.levels(maps)
        target = subsample(
            target, (LABELS_PER_CELL * levels[0].shape[-2], LABELS_PER_CELL * levels[0].shape[-1])
        )
        loss = cross_entropy(self.decode(levels), target)
        if self.auxiliary is not None:
            loss = loss + AUXILIARY_WEIGHT * cross_entropy(self.auxiliary(levels), target)
        return loss


def _heads(
    channels: int, num_classes: int, pool_sizes: Sequence[int], auxiliary: bool
) -> tuple[nn.Module, nn.Module | None]:
    require("transformers", extra="transformers", feature="the head 'upernet'")
    from transformers import UperNetConfig
    from transformers.models.upernet.modeling_upernet import UperNetFCNHead, UperNetHead

    config: Any = UperNetConfig(
        hidden_size=channels,
        pool_scales=list(pool_sizes),
        auxiliary_channels=max(channels // 2, 1),  # 256 of 512, as is customary
        num_labels=num_classes,
    )
    widths = [channels] * 4
    decode: nn.Module = UperNetHead(config, in_channels=widths)
    return decode, UperNetFCNHead(config, in_channels=widths) if auxiliary else None
