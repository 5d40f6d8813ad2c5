"""Segmentation by the nearest cells of training images; nothing is trained."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from polyscale.learning.heads.dense.cells import sample_cells
from polyscale.learning.heads.dense.fits import Fit, Fitted, Told
from polyscale.learning.heads.dense.segmentation import SegmentationHead
from polyscale.learning.heads.dense.train import Maps, MapTensor, Targets, constructor_arguments
from polyscale.learning.heads.neighbours import TEMPERATURE

BLOCK = 1024
"""Number of cells at once, each compared with the whole bank of neighbours."""


class NeighbourSegmentation(SegmentationHead):
    """The nearest cells of training images vote for each cell; nothing is trained.

    Channels are standardised by them, then each cell is scaled to length 1.

    Args:
        num_rows: number of cells in the bank.
        k: number of neighbours that vote.
    """

    mean: Tensor
    deviation: Tensor
    bank: Tensor
    labels: Tensor

    def __init__(self, *, in_channels: int, num_classes: int, num_rows: int, k: int = 20) -> None:
        config = constructor_arguments(locals())
        super().__init__()
        self.config = config
        self.num_classes, self.k = num_classes, min(k, num_rows)
        self.register_buffer("mean", torch.zeros(in_channels))
        self.register_buffer("deviation", torch.ones(in_channels))
        # half the space on the disk, and precise enough for cosines
        self.register_buffer("bank", torch.zeros(num_rows, in_channels, dtype=torch.float16))
        self.register_buffer("labels", torch.zeros(num_rows, dtype=torch.int64))

    @torch.no_grad()
    def remember(
        self, features: Float[Tensor, "num_rows channels"], labels: Int64[Tensor, " num_rows"]
    ) -> None:
        """Fill the bank with labelled cells and their classes."""
        self.mean.copy_(features.mean(dim=0))
        spread = features.std(dim=0, correction=0)
        self.deviation.copy_(torch.where(spread > 0, spread, 1))
        self.bank.copy_(self._directions(features))
        self.labels.copy_(labels)

    @torch.no_grad()
    def cell_scores(self, maps: MapTensor) -> Float[Tensor, "batch num_classes h w"]:
        """Votes for each class, which sum to 1 over the classes."""
        batch, _, h, w = maps.shape
        cells = self._directions(maps.float().permute(0, 2, 3, 1).flatten(0, 2))
        bank = self.bank.float()
        votes = cells.new_zeros(len(cells), self.num_classes)
        for block, block_votes in zip(cells.split(BLOCK), votes.split(BLOCK), strict=True):
            cosine, nearest = (block @ bank.T).topk(self.k, dim=1)
            weight = (cosine / TEMPERATURE).softmax(dim=1)
            block_votes.scatter_add_(1, self.labels[nearest], weight)
        return votes.view(batch, h, w, -1).permute(0, 3, 1, 2)

    def _directions(self, cells: Float[Tensor, "n channels"]) -> Float[Tensor, "n channels"]:
        return F.normalize((cells - self.mean) / self.deviation, dim=1)


@dataclass(frozen=True, kw_only=True)
class NeighbourFit(Fit):
    """Keeps labelled cells.

    Attributes:
        max_rows: approximate number of cells in the bank.
        k: number of neighbours that vote.
    """

    max_rows: int = 4096
    k: int = 20

    def __call__(
        self, maps: Maps, targets: Targets, arguments: Mapping[str, Any], *, seed: int, **told: Told
    ) -> Fitted:
        """Fill the bank with cells and the class of most of their pixels."""
        num_classes = arguments["num_classes"]
        cells = sample_cells(
            maps, targets, num_classes=num_classes, seed=seed, max_rows=self.max_rows, **told
        )
        num_rows, channels = cells.features.shape
        head = NeighbourSegmentation(
            in_channels=channels, num_classes=num_classes, num_rows=num_rows, k=self.k
        )
        head.remember(torch.from_numpy(cells.features), torch.from_numpy(cells.labels))
        return Fitted(head.eval(), {"cells": num_rows})
