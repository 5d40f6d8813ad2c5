"""UPerNet, the paper's head for segmentation, on four levels made of one map."""

from collections.abc import Sequence
from typing import Any

from jaxtyping import Float, Int64
from torch import Tensor, nn

from polyscale.errors import require
from polyscale.heads.dense.levels import FourLevels
from polyscale.heads.dense.linear import cross_entropy, thin
from polyscale.heads.dense.upsample import upsample
from polyscale.types import HW

AUXILIARY_WEIGHT = 0.4
"""Of the auxiliary head's loss, as is customary (MMSegmentation, transformers)."""

LABELS_A_CELL = 2
"""Labels along each side of a cell of the finest level that the loss looks at."""


class UPerNetSegmentation(nn.Module):
    """Four levels, pyramid pooling of the coarsest, a top-down path, all levels joined.

    Source: Xiao et al., "Unified perceptual parsing for scene understanding", ECCV 2018, as
    transformers implements it after MMSegmentation. Logits stand at 4 times the map's grid.

    Args:
        in_channels: of the maps.
        num_classes: at least 2.
        channels: of the levels and within the head; 512 is the customary size.
        pool_sizes: sides of the grids that the coarsest level is pooled to.
        auxiliary: whether a small head on the third level learns along, to be thrown away.
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
        super().__init__()
        self.config = {
            "in_channels": in_channels,
            "num_classes": num_classes,
            "channels": channels,
            "pool_sizes": list(pool_sizes),
            "auxiliary": auxiliary,
        }
        self.levels = FourLevels(in_channels, channels)
        self.decode, self.auxiliary = _heads(channels, num_classes, pool_sizes, auxiliary)

    def cell_scores(
        self, maps: Float[Tensor, "batch channels h w"]
    ) -> Float[Tensor, "batch num_classes 4*h 4*w"]:
        """Logits of the cells of the finest level."""
        return self.decode(self.levels(maps))

    def loss(
        self,
        maps: Float[Tensor, "batch channels h w"],
        target: Int64[Tensor, "batch label_h label_w"],
    ) -> Float[Tensor, ""]:
        """Mean cross-entropy of the labels, with the auxiliary head's part."""
        levels = self.levels(maps)
        target = thin(
            target, (LABELS_A_CELL * levels[0].shape[-2], LABELS_A_CELL * levels[0].shape[-1])
        )
        loss = cross_entropy(self.decode(levels), target)
        if self.auxiliary is not None:
            loss = loss + AUXILIARY_WEIGHT * cross_entropy(self.auxiliary(levels), target)
        return loss

    def scores(
        self, maps: Float[Tensor, "batch channels h w"], out_hw: HW
    ) -> Float[Tensor, "batch num_classes out_h out_w"]:
        """Logits of the pixels."""
        return upsample(self.cell_scores(maps), out_hw)


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
