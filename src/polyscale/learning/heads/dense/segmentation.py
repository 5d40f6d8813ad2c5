"""What all segmentation heads share, scores of cells → labels of pixels, and the linear head."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int16, Int64
from torch import Tensor, nn

from polyscale.data import IGNORED
from polyscale.learning.heads.dense.train import MapTensor, constructor_arguments
from polyscale.types import HW

LabelTensor = Int64[Tensor, "batch label_h label_w"]
"""Class of each pixel, with `IGNORED`; of the same extent as the maps, of any size."""

LABELS_PER_CELL = 4
"""Labels along each side of a cell that the loss looks at."""

TILE_PX = 16
"""Longest side of the tiles in which classes are ruled out together."""

CHUNK = 512
"""Tiles at once: their values stay in the cache."""

NUM_CANDIDATES = (2, 3, 4, 6, 8, 12, 16)
"""Tiles with up to so many possible winners are worked on together."""

SLACK = 1e-5
"""How far two values may lie apart by rounding, relative to the largest."""


def upsample(
    logits: Float[Tensor, "batch classes h w"], out_hw: HW
) -> Float[Tensor, "batch classes out_h out_w"]:
    """Bilinear, the corners of pixels aligned and not their centres."""
    return F.interpolate(logits, out_hw, mode="bilinear", align_corners=False)


@torch.no_grad()
def predict_labels(
    logits: Float[Tensor, "batch classes h w"], out_hw: HW
) -> Int16[Tensor, "batch out_h out_w"]:
    """`upsample(logits, out_hw).argmax(1)`, without all the values in between.

    Between four neighbours of the grid a class never exceeds the largest of its four values, nor
    falls below the smallest. So in a small tile most classes are ruled out by the tile's corners;
    often one is left. Labels are the same up to ties within rounding.

    Args:
        logits: scores of the cells.
        out_hw: in pixels.
    """
    num_classes, grid_hw = logits.shape[1], logits.shape[-2:]
    rows, columns = (_runs(n, out, logits.device) for n, out in zip(grid_hw, out_hw, strict=True))
    corners = _corners(logits.float(), rows, columns)
    high, low = corners.amax(dim=(2, 3)), corners.amin(dim=(2, 3))
    floor = low.amax(dim=1, keepdim=True)
    count = (high >= floor - SLACK * floor.abs().amax()).sum(dim=1)
    # where one is left, it is the highest
    only = high.argmax(dim=1).to(torch.int16)
    tiles = only[:, None, None].expand(-1, rows.length, columns.length).clone()
    fewer = 1
    for most in (*(c for c in NUM_CANDIDATES if c < num_classes), num_classes):
        group = torch.nonzero((count > fewer) & (count <= most)).flatten()
        for where in group.split(CHUNK):
            # in order, so that the first of equals wins
            classes = high[where].topk(most, dim=1).indices.sort(dim=1).values
            possible = corners[where].gather(1, classes[..., None, None].expand(-1, -1, 2, 2))
            tiles[where] = _winners(possible, classes.to(torch.int16), where, rows, columns)
        fewer = most
    # (batch · row tiles · column tiles, row, column) → pixels
    shape = (len(logits), rows.num, columns.num, rows.length, columns.length)
    image = tiles.view(shape).transpose(2, 3).reshape(len(logits), rows.num * rows.length, -1)
    return image[:, rows.place][:, :, columns.place]


@dataclass(frozen=True)
class _Runs:
    """Pixels of one axis in runs, within which every value is linear.

    Attributes:
        weights: of the grid's cells in the first and last pixel of each run (runs, 2, cells).
        share: way from the first pixel to the last; runs are filled up with their last
            (runs, length).
        place: of each pixel in the runs one after the other (pixels,).
    """

    weights: Tensor
    share: Tensor
    place: Tensor

    @property
    def num(self) -> int:
        return self.share.shape[0]

    @property
    def length(self) -> int:
        return self.share.shape[1]


def _runs(num_cells: int, num_px: int, device: torch.device) -> _Runs:
    at = (torch.arange(num_px, dtype=torch.float64) + 0.5) * num_cells / num_px - 0.5
    # beyond the outer centres values stay as they are
    cell = at.floor().clamp(-1, num_cells - 1)
    at = at.clamp(0, num_cells - 1)
    bounds = []
    for pixels in torch.arange(num_px).split(
        torch.unique_consecutive(cell, return_counts=True)[1].tolist()
    ):
        bounds += [part[[0, -1]] for part in pixels.tensor_split(-(-len(pixels) // TILE_PX))]
    ends = torch.stack(bounds)
    first, last = ends[:, :1], ends[:, 1:]
    length = int((last - first).max()) + 1
    pixels = (first + torch.arange(length)).minimum(last)
    share = (at[pixels] - at[first]) / (at[last] - at[first]).clamp(min=1e-12)
    weights = (1 - (at[ends][..., None] - torch.arange(num_cells)).abs()).clamp(min=0)
    run = torch.searchsorted(last[:, 0].contiguous(), torch.arange(num_px))
    place = run * length + torch.arange(num_px) - first[run, 0]
    return _Runs(weights.float().to(device), share.float().to(device), place.to(device))


def _corners(logits: Tensor, rows: _Runs, columns: _Runs) -> Float[Tensor, "tiles classes 2 2"]:
    across = torch.einsum("bchw,tjw->bchtj", logits, columns.weights)
    both = torch.einsum("bchtj,sih->bstcij", across, rows.weights)
    return both.flatten(0, 2)


def _winners(
    possible: Float[Tensor, "tiles classes 2 2"],
    classes: Int16[Tensor, "tiles classes"],
    where: Tensor,
    rows: _Runs,
    columns: _Runs,
) -> Int16[Tensor, "tiles h w"]:
    down = rows.share[where // columns.num % rows.num][:, None, :, None]
    right = columns.share[where % columns.num][:, None]
    sides = possible[:, :, :1] + down * (possible[:, :, 1:] - possible[:, :, :1])
    start, change = sides[..., :1], sides[..., 1:] - sides[..., :1]
    values = torch.addcmul(start, change, right[:, :, None]).unbind(dim=1)
    # torch's argmax over a dimension in the middle takes five times as long
    best = values[0]
    label = classes[:, 0, None, None].expand(best.shape)
    for value, name in zip(values[1:], classes[:, 1:].unbind(dim=1), strict=True):
        label = torch.where(value > best, name[:, None, None], label)
        best = torch.maximum(best, value)
    return label


class SegmentationHead(nn.Module, ABC):
    """What segmentation heads share: scores stand at cells and are enlarged to the pixels."""

    @abstractmethod
    def cell_scores(self, maps: MapTensor) -> Float[Tensor, "batch num_classes h w"]:
        """Scores of the head's own cells."""

    def scores(self, maps: MapTensor, out_hw: HW) -> Float[Tensor, "batch num_classes out_h out_w"]:
        """Scores of the pixels."""
        return upsample(self.cell_scores(maps), out_hw)


def cross_entropy(
    logits: Float[Tensor, "batch classes h w"], target: LabelTensor
) -> Float[Tensor, ""]:
    """Mean over the labelled pixels, the logits brought to the labels' size; 0 without any."""
    logits = upsample(logits, (target.shape[-2], target.shape[-1])).float()
    total = F.cross_entropy(logits, target, ignore_index=IGNORED, reduction="sum")
    return total / (target != IGNORED).sum().clamp(min=1)


def subsample(target: LabelTensor, most_hw: HW) -> LabelTensor:
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


class LinearSegmentation(SegmentationHead):
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
        config = constructor_arguments(locals())
        super().__init__()
        self.config = config
        self.norm = nn.BatchNorm2d(in_channels, affine=False)
        self.classify = nn.Conv2d(in_channels, num_classes, 1)
        # with none for a start, all classes are equally likely
        nn.init.zeros_(self.classify.weight)
        nn.init.zeros_(self.classify.bias)  # type: ignore[arg-type]

    def cell_scores(self, maps: MapTensor) -> Float[Tensor, "batch num_classes h w"]:
        """Logits of the cells."""
        return self.classify(self.norm(maps))

    def loss(self, maps: MapTensor, target: LabelTensor) -> Float[Tensor, ""]:
        """Mean cross-entropy of the labels."""
        height, width = (LABELS_PER_CELL * n for n in maps.shape[-2:])
        return cross_entropy(self.cell_scores(maps), subsample(target, (height, width)))
