"""What the operator returns."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from polyscale.types import HW


@dataclass(frozen=True)
class LevelFeatures:
    """The features of one scale, pooled onto the output grid. Views, not copies.

    Attributes:
        map: one cell for each cell of the output grid.
        prefix: prefix tokens, each the mean over the tiles of the scale.
        has_cls: whether the first prefix token is a class token.
    """

    map: Float[Tensor, "batch dim h w"]
    prefix: Float[Tensor, "batch prefix dim"]
    has_cls: bool

    @property
    def pooled(self) -> Float[Tensor, "batch pooled_dim"]:
        """One vector an image: the class token, where the model has one, then the mean cell."""
        mean = self.map.mean(dim=(-2, -1))
        return torch.cat([self.prefix[:, 0], mean], dim=-1) if self.has_cls else mean


@dataclass(frozen=True)
class MultiScaleFeatures:
    """The features of all scales, concatenated along channels.

    Attributes:
        tokens: prefix tokens, then the cells of the output grid row by row; along the channels
            one scale after the other, each `dim` wide.
        num_prefix: how many of the tokens are prefix tokens.
        grid_hw: cells of the output grid.
        dim: channels of one scale, which is the backbone's own width.
        has_cls: whether the first prefix token is a class token.
    """

    tokens: Float[Tensor, "batch prefix+h*w scales*dim"]
    num_prefix: int
    grid_hw: HW
    dim: int
    has_cls: bool

    @property
    def map(self) -> Float[Tensor, "batch scales*dim h w"]:
        """The fused map, a channels-last view of the tokens."""
        return self.tokens[:, self.num_prefix :].unflatten(1, self.grid_hw).permute(0, 3, 1, 2)

    @property
    def prefix(self) -> Float[Tensor, "batch prefix scales*dim"]:
        """The prefix tokens, each a mean over tiles, concatenated over the scales."""
        return self.tokens[:, : self.num_prefix]

    @property
    def levels(self) -> tuple[LevelFeatures, ...]:
        """The features of each scale on its own, in the order of the scales."""
        maps, prefixes = self.map.split(self.dim, dim=1), self.prefix.split(self.dim, dim=2)
        return tuple(
            LevelFeatures(map_, prefix, self.has_cls)
            for map_, prefix in zip(maps, prefixes, strict=True)
        )

    @property
    def pooled(self) -> Float[Tensor, "batch scales*pooled_dim"]:
        """One vector an image: that of each scale in turn, so scales can be taken apart again."""
        return torch.cat([level.pooled for level in self.levels], dim=-1)
