"""Scores of a coarse grid, brought to the pixels of an image."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int16
from torch import Tensor

from polyscale.types import HW

TILE_PX = 16
"""Longest side of the tiles in which classes are ruled out together."""

CHUNK = 512
"""Tiles at once: their values stay in the cache."""

CANDIDATES = (2, 3, 4, 6, 8, 12, 16)
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
    for most in (*(c for c in CANDIDATES if c < num_classes), num_classes):
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
