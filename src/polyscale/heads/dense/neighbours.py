"""k nearest cells by cosine, votes weighted by exp(s / T) as in DINO (Caron et al., ICCV 2021)."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from polyscale.data.dataset import IGNORED
from polyscale.heads.dense.upsample import upsample
from polyscale.heads.knn import TEMPERATURE
from polyscale.types import HW

BLOCK = 1024
"""Cells at once, each against the whole bank."""


class NeighbourSegmentation(nn.Module):
    """Cells of training images vote; nothing of it is trained.

    Channels are standardised by the training cells, then each cell is brought to length 1.

    Args:
        in_channels: of the maps.
        num_classes: at least 2.
        num_rows: cells in the bank.
        k: how many neighbours vote.
    """

    mean: Tensor
    deviation: Tensor
    bank: Tensor
    labels: Tensor

    def __init__(self, *, in_channels: int, num_classes: int, num_rows: int, k: int = 20) -> None:
        super().__init__()
        self.config = {
            "in_channels": in_channels,
            "num_classes": num_classes,
            "num_rows": num_rows,
            "k": k,
        }
        self.num_classes, self.k = num_classes, min(k, num_rows)
        self.register_buffer("mean", torch.zeros(in_channels))
        self.register_buffer("deviation", torch.ones(in_channels))
        # half the space on the disk, at a precision that cosines do not miss
        self.register_buffer("bank", torch.zeros(num_rows, in_channels, dtype=torch.float16))
        self.register_buffer("labels", torch.zeros(num_rows, dtype=torch.int64))

    @torch.no_grad()
    def remember(
        self, features: Float[Tensor, "num_rows channels"], labels: Int64[Tensor, " num_rows"]
    ) -> None:
        """Fill the bank.

        Args:
            features: of labelled cells.
            labels: their classes.
        """
        self.mean.copy_(features.mean(dim=0))
        spread = features.std(dim=0, correction=0)
        self.deviation.copy_(torch.where(spread > 0, spread, 1))
        self.bank.copy_(self._directions(features))
        self.labels.copy_(labels)

    @torch.no_grad()
    def cell_scores(
        self, maps: Float[Tensor, "batch channels h w"]
    ) -> Float[Tensor, "batch num_classes h w"]:
        """Votes of the cells, the classes' sum 1."""
        batch, _, h, w = maps.shape
        cells = self._directions(maps.float().permute(0, 2, 3, 1).flatten(0, 2))
        bank = self.bank.float()
        votes = cells.new_zeros(len(cells), self.num_classes)
        for block, found in zip(cells.split(BLOCK), votes.split(BLOCK), strict=True):
            cosine, nearest = (block @ bank.T).topk(self.k, dim=1)
            weight = (cosine / TEMPERATURE).softmax(dim=1)
            found.scatter_add_(1, self.labels[nearest], weight)
        return votes.view(batch, h, w, -1).permute(0, 3, 1, 2)

    def loss(
        self,
        maps: Float[Tensor, "batch channels h w"],
        target: Int64[Tensor, "batch label_h label_w"],
    ) -> Float[Tensor, ""]:
        """Mean log loss of the labels, with 1 part in 10⁶ for every class; without gradient."""
        votes = self.scores(maps, (target.shape[-2], target.shape[-1])) + 1e-6
        known = target != IGNORED
        total = F.nll_loss(votes.log(), target, ignore_index=IGNORED, reduction="sum")
        return total / known.sum().clamp(min=1)

    def scores(
        self, maps: Float[Tensor, "batch channels h w"], out_hw: HW
    ) -> Float[Tensor, "batch num_classes out_h out_w"]:
        """Votes of the pixels."""
        return upsample(self.cell_scores(maps), out_hw)

    def _directions(self, cells: Float[Tensor, "n channels"]) -> Float[Tensor, "n channels"]:
        return F.normalize((cells - self.mean) / self.deviation, dim=1)
