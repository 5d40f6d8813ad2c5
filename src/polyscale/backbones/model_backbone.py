"""`ModelBackbone`: any model behind the face of a `Backbone`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from polyscale.backbones.options import ReadOptions
from polyscale.backbones.positions import has_aspect
from polyscale.backbones.probe import probe
from polyscale.errors import InputError
from polyscale.types import HW, TileFeatures

Read = Callable[[Any, Tensor], TileFeatures]
"""(model, tiles) → features; what each family does in its own way."""

Channels = tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """What an adapter reads from a model without running it; see `Backbone`.

    Attributes:
        fixed_tile: None where only a try can tell.
        any_aspect: whether the user has vouched for a map that has not the tile's aspect.
    """

    name: str
    tile_hw: HW
    has_cls: bool = False
    fixed_tile: bool | None = None
    mean: Channels | None = None
    std: Channels | None = None
    any_aspect: bool = False


class ModelBackbone(nn.Module):
    """A model and the way to read it.

    The model is called on a grey tile to learn the grid, the width and the prefix tokens, and on
    a smaller one where only a try can tell whether it takes one. Every later output is held
    against that.

    Args:
        model: a module, which stays a submodule, or any callable.
        read: (model, tiles) → features.
        facts: what is known before.

    Attributes:
        source: the name that it was loaded by; None for a live model or a folder.
        options: how it is read.

    Raises:
        InputError: if the model cannot be run, or its output has no positions.
    """

    source: str | None = None
    options = ReadOptions()

    def __init__(
        self, model: nn.Module | Callable[..., Any], read: Read, facts: ModelFacts
    ) -> None:
        super().__init__()
        self.model = model
        self.module = module_of(model) if not isinstance(model, nn.Module) else None
        self.read = read
        self.name = facts.name
        self.tile_hw = facts.tile_hw
        self.mean, self.std = facts.mean, facts.std
        map_, prefix = self._first(facts)
        self.grid_hw: HW = (map_.shape[2], map_.shape[3])
        self.dim, self.num_prefix = map_.shape[1], prefix.shape[1]
        self.has_cls = facts.has_cls and self.num_prefix > 0
        refuses = facts.fixed_tile
        self.fixed_tile: bool = self._refuses_half() if refuses is None else refuses

    def forward(self, tiles: Float[Tensor, "tiles 3 tile_h tile_w"]) -> TileFeatures:
        """Features of normalised tiles."""
        features = self.read(self.model, tiles)
        prefix_shape = (tiles.shape[0], self.num_prefix, self.dim)
        native = tuple(tiles.shape[-2:]) == self.tile_hw
        grid_hw = self.grid_hw if native else tuple(features.map.shape[-2:])
        map_shape = (tiles.shape[0], self.dim, *grid_hw)
        if features.map.shape != map_shape or features.prefix.shape != prefix_shape:
            raise InputError(
                f"model {self.name} must give a map {map_shape} and prefix tokens {prefix_shape} "
                f"for tiles {tuple(tiles.shape)}, as for its first tile, but gives "
                f"{tuple(features.map.shape)} and {tuple(features.prefix.shape)}. "
                "Every tile needs features of its own."
            )
        return features

    def _first(self, facts: ModelFacts) -> TileFeatures:
        features = self._probe(facts.tile_hw)
        shape = tuple(features.map.shape)
        if shape[0] != 1:
            raise InputError(
                f"model {self.name} must give features for each tile, but gives {shape[0]} for "
                "one tile. Wrap a function that returns (tiles, dim, h, w)."
            )
        if not facts.any_aspect and not has_aspect(shape[2:], facts.tile_hw):
            tile_h, tile_w = facts.tile_hw
            last = has_aspect(shape[1:3], facts.tile_hw)
            raise InputError(
                f"model {self.name} must give a map (tiles, dim, h, w) of the tile's aspect, but "
                f"gives {shape} for a tile of {tile_h}×{tile_w} px. Set channels_last="
                + ("True if it is (tiles, h, w, dim)." if last else "False if it is meant so.")
            )
        return features

    def _probe(self, tile_hw: HW) -> TileFeatures:
        like = self.model if isinstance(self.model, nn.Module) else self.module
        read = partial(self.read, self.model)
        return probe(read, tile_hw, like=like, name=self.name)

    def _refuses_half(self) -> bool:
        height, width = self.tile_hw[0] // 2, self.tile_hw[1] // 2
        if min(height, width) < 1:
            return True
        try:
            features = self._probe((height, width))
        except InputError:
            return True
        return features.map.shape[1] != self.dim or 0 in features.map.shape


def freeze(backbone: ModelBackbone) -> ModelBackbone:
    """Evaluation mode, no gradients, and for convolutions the memory layout that is fastest."""
    backbone.eval().requires_grad_(False)
    if any(
        isinstance(m, nn.Conv2d) and m.kernel_size[0] != m.stride[0] for m in backbone.modules()
    ):
        backbone.to(memory_format=torch.channels_last)
    return backbone


def build_on_meta(build: Callable[[], nn.Module]) -> nn.Module:
    """The architecture without memory for its parameters."""
    try:
        with torch.device("meta"):
            return build()
    except NotImplementedError:  # the library computes with tensors while it builds
        return build().to("meta")


def module_of(function: Callable[..., Any]) -> nn.Module | None:
    """The module that a bound method belongs to."""
    owner = getattr(function, "__self__", None)
    return owner if isinstance(owner, nn.Module) else None


def is_from(model: object, package: str) -> bool:
    """Whether its class, or one that it extends, comes from the package; nothing is imported."""
    return any(f"{c.__module__}.".startswith(f"{package}.") for c in type(model).__mro__)
