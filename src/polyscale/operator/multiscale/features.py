"""What the operator returns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils._pytree import register_pytree_node

from polyscale.types import HW


@dataclass(frozen=True, eq=False, repr=False)
class PartFeatures:
    """The features of one scale, or of one layer, on the output grid.

    Prefix tokens are means over the tiles of a scale; the first is a class token if `has_cls`.
    """

    map: Float[Tensor, "batch dim h w"]
    prefix: Float[Tensor, "batch prefix dim"]
    has_cls: bool

    @property
    def pooled(self) -> Float[Tensor, "batch pooled_dim"]:
        """One vector an image: the class token, where the model has one, then the mean cell."""
        mean = self.map.mean(dim=(-2, -1))
        return torch.cat([self.prefix[:, 0], mean], dim=-1) if self.has_cls else mean

    def __repr__(self) -> str:
        return f"{type(self).__name__}(map={_shape(self.map)}, prefix={_shape(self.prefix)})"


@dataclass(frozen=True, eq=False, repr=False)
class MultiScaleFeatures:
    """The features of all scales, concatenated along channels.

    A pytree node: `torch.export`, `torch.func` and the like see the tokens alone.

    Attributes:
        tokens: prefix tokens, then the cells of the output grid row by row; along the channels
            one scale after the other, each `dim` wide.
        num_prefix: how many of the tokens are prefix tokens.
        grid_hw: cells of the output grid.
        dim: channels of one scale, which is the backbone's own width.
        has_cls: whether the first prefix token is a class token.
        layer_dims: channels of each layer that the backbone reads; together they are `dim`.
    """

    tokens: Float[Tensor, "batch prefix+h*w scales*dim"]
    num_prefix: int
    grid_hw: HW
    dim: int
    has_cls: bool
    layer_dims: tuple[int, ...] = ()

    @property
    def map(self) -> Float[Tensor, "batch scales*dim h w"]:
        """The fused map, a channels-last view of the tokens."""
        return self._map_of(self.tokens)

    @property
    def prefix(self) -> Float[Tensor, "batch prefix scales*dim"]:
        """The prefix tokens, each a mean over tiles, concatenated over the scales."""
        return self.tokens[:, : self.num_prefix]

    @property
    def scales(self) -> tuple[PartFeatures, ...]:
        """Views of the features of each scale, in order; one view of all where they are summed."""
        return tuple(map(self._part, self.tokens.split(self.dim, dim=2)))

    @property
    def layers(self) -> tuple[PartFeatures, ...]:
        """The features of each layer, all scales side by side: what DPT and UPerNet heads take."""
        dims = self.layer_dims or (self.dim,)
        slots = self.tokens.unflatten(2, (-1, self.dim)).split(dims, dim=3)
        return tuple(self._part(layer.flatten(2)) for layer in slots)

    @property
    def pooled(self) -> Float[Tensor, "batch scales*pooled_dim"]:
        """One vector an image: that of each scale in turn, so scales can be taken apart again."""
        return torch.cat([scale.pooled for scale in self.scales], dim=-1)

    def to(self, *args: Any, **kwargs: Any) -> "MultiScaleFeatures":
        """The same features on another device or in another dtype, as `Tensor.to`."""
        return replace(self, tokens=self.tokens.to(*args, **kwargs))

    def cpu(self) -> "MultiScaleFeatures":
        """The same features in the memory of the CPU."""
        return self.to("cpu")

    def detach(self) -> "MultiScaleFeatures":
        """The same features without their gradients' history."""
        return replace(self, tokens=self.tokens.detach())

    def __repr__(self) -> str:
        tokens = self.tokens
        return (
            f"{type(self).__name__}(tokens={_shape(tokens)}, num_prefix={self.num_prefix}, "
            f"grid_hw={self.grid_hw}, dim={self.dim}, dtype={tokens.dtype}, device={tokens.device})"
        )

    def _part(self, tokens: Tensor) -> PartFeatures:
        return PartFeatures(self._map_of(tokens), tokens[:, : self.num_prefix], self.has_cls)

    def _map_of(self, tokens: Tensor) -> Tensor:
        return tokens[:, self.num_prefix :].unflatten(1, self.grid_hw).permute(0, 3, 1, 2)


def _shape(tensor: Tensor) -> tuple[int, ...]:
    return tuple(tensor.shape)


def _flatten(features: MultiScaleFeatures) -> tuple[list[Tensor], tuple[Any, ...]]:
    rest = (features.num_prefix, features.grid_hw, features.dim, features.has_cls)
    return [features.tokens], (*rest, features.layer_dims)


def _unflatten(leaves: Iterable[Any], rest: tuple[Any, ...]) -> MultiScaleFeatures:
    (tokens,) = leaves
    return MultiScaleFeatures(tokens, *rest)


def _from_json(rest: Sequence[Any]) -> tuple[Any, ...]:
    num_prefix, grid_hw, dim, has_cls, layer_dims = rest
    return num_prefix, tuple(grid_hw), dim, has_cls, tuple(layer_dims)


register_pytree_node(
    MultiScaleFeatures,
    _flatten,
    _unflatten,
    serialized_type_name="polyscale.MultiScaleFeatures",
    to_dumpable_context=list,
    from_dumpable_context=_from_json,
)
