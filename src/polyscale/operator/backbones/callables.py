"""Any function or module from tiles to features."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from polyscale.errors import InputError
from polyscale.operator.backbones.model_backbone import ModelBackbone, Reading
from polyscale.operator.backbones.modules import uncompiled
from polyscale.operator.backbones.options import ReadOptions
from polyscale.operator.backbones.positions import grid_of_tokens
from polyscale.types import HW

MAX_GUESSED_PREFIX = 8
"""A class token and registers; with more, any number of tokens would fit some grid."""

KNOWN_KEYS = ("last_hidden_state", "feature_maps", "x_norm_patchtokens")
"""Under which transformers' models, its backbones, and DINOv2's own code keep the features."""


def adapt_callable(function: Callable[[Tensor], Any], options: ReadOptions) -> ModelBackbone:
    """A function from tiles to a map (tiles, dim, h, w) or tokens (tiles, N, dim) as a backbone.

    It may return them inside a dict, a tuple or a transformers output. Where `num_prefix` is not
    given, it is the number that leaves a grid, and the first of them is taken for a class token.

    Raises:
        InputError: if the tile size is not given, or the output has no positions.
    """
    bare = uncompiled(function)
    name = str(getattr(bare, "__name__", type(bare).__name__))
    if not callable(function):
        raise InputError(f"model must be callable, but got {name}.")
    options.refuse(
        "layers",
        "norm",
        by=f"{name}, a plain callable",
        instead="Wrap a function that returns the features you want.",
    )
    call = partial(_call, name, options.output)
    reading = Reading(
        name=name,
        call=call,
        native_hw=None,
        has_cls=True,
        channels_last=bool(options.channels_last),
        any_aspect=options.channels_last is False,
    ).chosen(function, options)
    if options.num_prefix is None:
        (features,) = reading.probe(function, call)
        num_prefix = _guess_prefix(features, reading.tile_hw, name) if features.ndim == 3 else 0
        reading = replace(reading, num_prefix=num_prefix)
    return ModelBackbone(function, reading, options)


def _call(
    name: str, output: str | int | None, function: Callable[[Tensor], Any], tiles: Tensor
) -> list[Tensor]:
    """The one tensor of the function's output that has positions."""
    value: Any = function(tiles)
    if output is not None:
        value = _entry(value, output, name)
    while isinstance(value, Mapping | tuple | list):
        value = _only_entry(value, name)
    if _has_positions(value):
        return [value]
    raise InputError(
        f"model {name} must return (tiles, dim, h, w) or (tiles, tokens, dim), but "
        f"returns {_describe(value)}. Wrap a function that returns the features before they "
        "are pooled."
    )


def _entry(value: Any, output: str | int, name: str) -> Any:
    try:
        return value[output]
    except (KeyError, IndexError, TypeError):
        raise InputError(
            f"output must be a key or an index of what {name} returns, "
            f"{_describe(value)}, but got {output!r}."
        ) from None


def _only_entry(value: Any, name: str) -> Any:
    entries: dict[Any, Any] = dict(
        value.items() if isinstance(value, Mapping) else enumerate(value)
    )
    known = [key for key in KNOWN_KEYS if key in entries]
    fitting = known[:1] or [key for key, entry in entries.items() if _has_positions(entry)]
    if len(fitting) != 1:
        number = "several entries" if fitting else "no entry"
        raise InputError(
            f"model {name} must return one feature map or one set of tokens, but "
            f"{number} of {_describe(value)} can be that. Set output= to the key or index."
        )
    return entries[fitting[0]]


def _has_positions(value: object) -> bool:
    """Whether it can be a map or tokens."""
    return isinstance(value, Tensor) and value.ndim in (3, 4) and torch.is_floating_point(value)


def _describe(value: object) -> str:
    """Shapes and keys, as an error shows them."""
    if isinstance(value, Tensor):
        kind = "" if torch.is_floating_point(value) else f" of {value.dtype}"
        return f"{tuple(value.shape)}{kind}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key!r}: {_describe(v)}" for key, v in value.items()) + "}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(_describe, value)) + "]"
    return type(value).__name__


def _guess_prefix(tokens: Tensor, tile_hw: HW, name: str) -> int:
    """The only number that leaves a grid of several cells; whole pixels decide between several."""
    num_tokens = tokens.shape[1]
    grids = {c: grid_of_tokens(num_tokens - c, tile_hw) for c in range(MAX_GUESSED_PREFIX + 1)}
    heights = {count: grid[0] for count, grid in grids.items() if grid and grid != (1, 1)}
    if len(heights) > 1:
        heights = {count: height for count, height in heights.items() if tile_hw[0] % height == 0}
    if len(heights) == 1:
        return next(iter(heights))
    reason = f"{' or '.join(map(str, heights))} could be the prefix" if heights else "no count fits"
    raise InputError(
        f"num_prefix must leave a grid of the tile's aspect, but model {name} gives {num_tokens} "
        f"tokens for a tile of {tile_hw[0]}×{tile_hw[1]} px: {reason}. Set num_prefix to the count "
        "of its class and register tokens."
    )
