"""Four levels from one map, for heads that were made for a pyramid.

A frozen backbone gives one map, at one stride; UPerNet, Mask2Former and DPT expect four. The S²
paper does not say how it made four of one. This is one way, used by every such head here: the
simple feature pyramid of ViTDet (Li et al., "Exploring plain vision transformer backbones for
object detection", ECCV 2022, section 3), in which transposed convolutions make the finer levels
and pooling the coarser one, each from the same map, without a top-down path. Two things differ.
Channels are standardised first, since features of several scales and models differ in size by
orders of magnitude; and channels are brought to `channels` before the levels part, not after,
since joined scales have thousands.
"""

from typing import TypeAlias

from jaxtyping import Float
from torch import Tensor, nn

Levels: TypeAlias = tuple[Tensor, Tensor, Tensor, Tensor]
"""From fine to coarse, each (batch, channels, level_h, level_w)."""


class LayerNorm2d(nn.LayerNorm):
    """Layer norm over the channels of each cell of a map."""

    def forward(self, input: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Normalise each cell."""
        return super().forward(input.movedim(1, -1)).movedim(-1, 1).contiguous()


class FourLevels(nn.Module):
    """One map to four, at 4, 2, 1 and ½ times its grid; half of an odd side is rounded up.

    A grid of 7×7 gives 28×28, 14×14, 7×7 and 4×4; one of 1×1 gives 4×4, 2×2, 1×1 and 1×1.

    Args:
        in_channels: of the map.
        channels: of each level.
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        # the projection has weights of its own for every channel, so that affine ones add nothing
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
