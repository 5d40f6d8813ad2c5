"""`ModelBackbone`: any model behind the face of a `Backbone`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from polyscale.errors import InputError, first_line
from polyscale.operator.backbones.dry_run import dry_run, model_dtype_device, zero_tiles
from polyscale.operator.backbones.memory import MemoryGuard
from polyscale.operator.backbones.modules import in_channels_of, module_behind
from polyscale.operator.backbones.options import DEFAULTS, ReadOptions
from polyscale.operator.backbones.positions import concatenate, has_aspect, map_alone, split_tokens
from polyscale.operator.backbones.preprocessing import UNKNOWN, Channels, Preprocessing
from polyscale.types import HW, TileFeatures

MAX_CELLS = 4096**2
"""Cells of a tile's map: more would fill the memory, and no model looks closer than its pixels."""

T = TypeVar("T")

Layer = Tensor | tuple[Tensor, Tensor]
"""Tokens (tiles, prefix + cells, dim), a map (tiles, dim, h, w) or (tiles, h, w, dim), or a map and
its prefix tokens (tiles, prefix, dim)."""

Call = Callable[[Any, Tensor], Sequence[Layer]]
"""(model, tiles) → the chosen layers in the order asked for."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a model is read: all that an adapter says about it."""

    name: str  # how results call the model
    call: Call  # gives the features of each chosen layer
    native_hw: HW | None  # tile in pixels that the model is made for, where it is known
    fixed_tile: bool = False  # whether the model is known to refuse any other tile size
    instead: str = "Leave it out."  # what a user can do who asked for another size
    in_channels: int = 0  # of an image; 0 where only the first convolution tells
    num_prefix: int = 0  # class and register tokens before the patch tokens
    has_cls: bool = False  # whether the first of them is a class token
    patch_hw: HW | None = None  # in pixels, where it is known
    channels_last: bool | None = False  # maps are (tiles, h, w, dim); None: their aspect decides
    any_aspect: bool = False  # a map is meant to have another aspect than the tile
    preprocessing: Preprocessing = UNKNOWN  # belongs to the weights
    tile_hw: HW = (0, 0)  # in pixels, as `chosen` decides

    def chosen(self, model: object, options: ReadOptions) -> "Reading":
        """The reading with the user's choices, in which everything is decided.

        Raises:
            InputError: if the tile size is unknown, or is not the only one that the model takes.
        """
        native_hw = self.native_hw or options.preprocessing.tile_hw
        tile_hw = options.tile_hw or native_hw
        if tile_hw is None:
            raise InputError(
                f"tile_hw must be given for {self.name}, whose input size can't be read. "
                "Example: polyscale.wrap(model, tile_hw=(224, 224))"
            )
        if self.fixed_tile and tile_hw != native_hw:
            raise InputError(
                f"tile_hw must be {native_hw} for {self.name}, whose position embeddings are for "
                f"that size, but got {tile_hw}. {self.instead}"
            )
        return replace(
            self,
            tile_hw=tile_hw,
            in_channels=in_channels_of(model, options, self.in_channels),
            num_prefix=self.num_prefix if options.num_prefix is None else options.num_prefix,
        )

    def probe(self, model: Any, call: Callable[[Any, Tensor], T]) -> T:
        """What a call gives for one tile of zeros; a compiled model runs without being compiled.

        Raises:
            InputError: if the model fails on the tile, or would need more memory than is free.
        """
        module = module_behind(model)
        guard = MemoryGuard(model_dtype_device(module)[1], self.name)
        try:
            with dry_run(module), torch.compiler.set_stance("force_eager"), guard:
                return call(model, zero_tiles(module, 1, self.in_channels, self.tile_hw))
        except (InputError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            raise InputError(
                f"model {self.name} must take a tile {(1, self.in_channels, *self.tile_hw)}, but "
                f"fails on it: {first_line(error)}. Check tile_hw and in_channels."
            ) from error

    def layers(self, model: Any, tiles: Tensor) -> list[TileFeatures]:
        """The map and the prefix tokens of each chosen layer."""
        tile_hw = (tiles.shape[-2], tiles.shape[-1])
        return [self._split(layer, tile_hw) for layer in self.call(model, tiles)]

    def _split(self, layer: Layer, tile_hw: HW) -> TileFeatures:
        if isinstance(layer, tuple) and len(layer) == 2:
            return TileFeatures(*layer)
        if isinstance(layer, Tensor) and layer.ndim == 4:
            shape, last = layer.shape, self.channels_last
            if last is None:
                last = not has_aspect(shape[2:], tile_hw) and has_aspect(shape[1:3], tile_hw)
            return map_alone(layer.movedim(-1, 1) if last else layer)
        if isinstance(layer, Tensor) and layer.ndim == 3:
            patch = self.patch_hw
            return split_tokens(
                layer,
                num_prefix=self.num_prefix,
                tile_hw=tile_hw,
                patches_hw=(tile_hw[0] // patch[0], tile_hw[1] // patch[1]) if patch else None,
                name=self.name,
            )
        given = tuple(layer.shape) if isinstance(layer, Tensor) else type(layer).__name__
        raise InputError(
            f"model {self.name} must give a map or tokens for each tile, but gives {given}. Wrap a "
            "function that returns (tiles, dim, h, w): polyscale.wrap(function, tile_hw=…)."
        )


class ModelBackbone(nn.Module):
    """A model and the way to read it.

    The model is called on one tile of zeros to learn the grid, the width and the prefix tokens.
    Every later output is compared with that.

    Args:
        model: a module, which stays a submodule, or any callable, whose modules are found.
        reading: what the adapter says about it.
        options: the user's choices, which take precedence.

    Attributes:
        layer_dims: channels of each chosen layer, in order; their sum is `dim`.
        source: the name that it was loaded by; None for a live model or a folder.

    Raises:
        InputError: if the model cannot be run, its output has no positions, or the user's mean and
            standard deviation do not fit its channels.
    """

    def __init__(
        self,
        model: nn.Module | Callable[..., Any],
        reading: Reading,
        options: ReadOptions = DEFAULTS,
    ) -> None:
        super().__init__()
        self.source: str | None = None
        self.options = options
        self.model = model
        module = module_behind(model)
        self.module = None if module is model else module
        self.training = module is not None and module.training
        self.reading = reading = reading.chosen(model, options)
        self.name, self.tile_hw, self.fixed_tile = reading.name, reading.tile_hw, reading.fixed_tile
        self.in_channels = reading.in_channels
        self.mean, self.std = self._normalisation(options.preprocessing)
        layers = reading.probe(model, reading.layers)
        for layer in layers:
            self._check_first(tuple(layer.map.shape))
        map_, prefix = concatenate(layers, self.name)
        self.layer_dims = tuple(layer.map.shape[1] for layer in layers)
        self.grid_hw: HW = (map_.shape[2], map_.shape[3])
        self.dim, self.num_prefix = map_.shape[1], prefix.shape[1]
        self.has_cls = reading.has_cls and self.num_prefix > 0

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.name!r}, tile_hw={self.tile_hw}, "
            f"grid_hw={self.grid_hw}, dim={self.dim}, num_prefix={self.num_prefix})"
        )

    def forward(self, tiles: Float[Tensor, "tiles channels tile_h tile_w"]) -> TileFeatures:
        """Features of normalised tiles."""
        features = concatenate(self.reading.layers(self.model, tiles), self.name)
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

    def _normalisation(self, given: Preprocessing) -> tuple[Channels | None, Channels | None]:
        """The user's mean and standard deviation; the model's own where they fit its channels."""
        native, num = self.reading.preprocessing, self.in_channels
        if given.mean is None:
            return (native.mean, native.std) if len(native.mean or ()) == num else (None, None)
        if len(given.mean) != num:
            raise InputError(
                f"mean and std must have one number for each of the {num} channels of {self.name}, "
                f"but have {len(given.mean)}."
            )
        return given.mean, given.std

    def _check_first(self, shape: tuple[int, ...]) -> None:
        """Refuse a map of the first tile that cannot be one."""
        if shape[0] != 1:
            raise InputError(
                f"model {self.name} must give features for each tile, but gives {shape[0]} for "
                "one tile. Wrap a function that returns (tiles, dim, h, w)."
            )
        if not shape[1]:
            raise InputError(
                f"model {self.name} must give at least one channel, but gives a map of {shape}."
            )
        given = f"{shape} for a tile of {self.tile_hw[0]}×{self.tile_hw[1]} px"
        if prod(shape[2:]) > MAX_CELLS:
            raise InputError(
                f"model {self.name} must give a map of at most {MAX_CELLS} cells, but gives "
                f"{given}. Wrap a function that returns a smaller map."
            )
        if not self.reading.any_aspect and not has_aspect(shape[2:], self.tile_hw):
            last = has_aspect(shape[1:3], self.tile_hw)
            raise InputError(
                f"model {self.name} must give a map (tiles, dim, h, w) of the tile's aspect, "
                f"but gives {given}. Set channels_last="
                + ("True if it is (tiles, h, w, dim)." if last else "False if it is meant so.")
            )
