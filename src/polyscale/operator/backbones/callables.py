"""Any function or module from tiles to features."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from polyscale.errors import InputError
from polyscale.operator.backbones.model_backbone import Layer, ModelBackbone, Reading
from polyscale.operator.backbones.modules import uncompiled
from polyscale.operator.backbones.options import ReadOptions
from polyscale.operator.backbones.positions import grid_of_tokens
from polyscale.types import HW

MAX_GUESSED_PREFIX = 8
"""A class token and registers; more would make any token count fit some grid."""

KNOWN_KEYS = ("last_hidden_state", "feature_maps", "x_norm_patchtokens")
"""Under which transformers' models, its backbones, and DINOv2's own code keep the features."""


def adapt_callable(
    function: Callable[[Tensor], Any], options: ReadOptions, *, name: str | None = None
) -> ModelBackbone:
    """A function from tiles to a map (tiles, dim, h, w) or tokens (tiles, N, dim) as a backbone.

    It may return them inside a dict, a tuple or a transformers output. Where `num_prefix` is not
    given, it is the count that leaves a grid, and the first of them is taken for a class token.

    Raises:
        InputError: if the tile size is not given, or the output has no positions.
    """
    bare = uncompiled(function)
    label = name or str(getattr(bare, "__name__", type(bare).__name__))
    if not callable(function):
        raise InputError(f"model must be callable, but got {label}.")
    options.refuse(
        "layers",
        "norm",
        by=f"{label}, a plain callable",
        instead="Wrap a function that returns the features you want.",
    )
    call = _Call(label, options.output)
    reading = Reading(
        name=label,
        call=call,
        native_hw=None,
        has_cls=True,
        channels_last=bool(options.channels_last),
        any_aspect=options.channels_last is False,
    ).chosen(function, options)
    if options.num_prefix is None:
        seen = reading.look(function, call.pick)
        num_prefix = _guess_prefix(seen, reading.tile_hw, label) if seen.ndim == 3 else 0
        reading = replace(reading, num_prefix=num_prefix)
    return ModelBackbone(function, reading, options)


@dataclass(frozen=True)
class _Call:
    """Finds the features in what the function returns."""

    name: str
    output: str | int | None

    def __call__(self, function: Callable[[Tensor], Any], tiles: Tensor) -> list[Layer]:
        return [self.pick(function, tiles)]

    def pick(self, function: Callable[[Tensor], Any], tiles: Tensor) -> Tensor:
        """The one tensor of the output that says something of each position."""
        found: Any = function(tiles)
        if self.output is not None:
            found = self._chosen(found, self.output)
        while isinstance(found, Mapping | tuple | list):
            found = self._only(found)
        if has_positions(found):
            return found
        raise InputError(
            f"model {self.name} must return (tiles, dim, h, w) or (tiles, tokens, dim), but "
            f"returns {describe(found)}. Wrap a function that returns the features before they "
            "are pooled."
        )

    def _chosen(self, found: Any, output: str | int) -> Any:
        try:
            return found[output]
        except (KeyError, IndexError, TypeError):
            raise InputError(
                f"output must be a key or an index of what {self.name} returns, "
                f"{describe(found)}, but got {output!r}."
            ) from None

    def _only(self, found: Any) -> Any:
        items = found.items() if isinstance(found, Mapping) else enumerate(found)
        entries: dict[Any, Any] = dict(items)
        known = [key for key in KNOWN_KEYS if key in entries]
        fitting = known[:1] or [key for key, value in entries.items() if has_positions(value)]
        if len(fitting) != 1:
            number = "several entries" if fitting else "no entry"
            raise InputError(
                f"model {self.name} must return one feature map or one set of tokens, but "
                f"{number} of {describe(found)} can be that. Set output= to the key or index."
            )
        return entries[fitting[0]]


def has_positions(value: object) -> bool:
    """Whether it can be a map or tokens."""
    return isinstance(value, Tensor) and value.ndim in (3, 4) and torch.is_floating_point(value)


def describe(value: object) -> str:
    """Shapes and keys, as an error shows them."""
    if isinstance(value, Tensor):
        kind = "" if torch.is_floating_point(value) else f" of {value.dtype}"
        return f"{tuple(value.shape)}{kind}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key!r}: {describe(v)}" for key, v in value.items()) + "}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(describe, value)) + "]"
    return type(value).__name__


def _guess_prefix(tokens: Tensor, tile_hw: HW, name: str) -> int:
    """The only count that leaves a grid of cells; whole pixels settle it where several do."""
    num_tokens = tokens.shape[1]
    grids = {c: grid_of_tokens(num_tokens - c, tile_hw) for c in range(MAX_GUESSED_PREFIX + 1)}
    counts = [count for count, grid in grids.items() if grid is not None and grid != (1, 1)]
    if len(counts) > 1:
        counts = [c for c in counts if tile_hw[0] % (grids[c] or (1, 1))[0] == 0]
    if len(counts) == 1:
        return counts[0]
    seen = " or ".join(map(str, counts)) + " could be the prefix" if counts else "no count fits"
    raise InputError(
        f"num_prefix must leave a grid of the tile's aspect, but model {name} gives {num_tokens} "
        f"tokens for a tile of {tile_hw[0]}×{tile_hw[1]} px: {seen}. Set num_prefix to the count "
        "of its class and register tokens."
    )
