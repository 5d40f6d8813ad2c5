"""From a model's output to a map and prefix tokens: what all adapters share."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from polyscale.errors import InputError
from polyscale.types import HW, TileFeatures


def map_alone(map_: Float[Tensor, "tiles dim h w"]) -> TileFeatures:
    """The features of a model that has no prefix tokens."""
    return TileFeatures(map_, map_.new_zeros(map_.shape[0], 0, map_.shape[1]))


def split_tokens(
    tokens: Float[Tensor, "tiles prefix+h*w dim"],
    *,
    num_prefix: int,
    tile_hw: HW,
    patches_hw: HW | None,
    name: str,
) -> TileFeatures:
    """Tokens as prefix tokens and a map of the rest, row by row (a view).

    `patches_hw` is the number of patches into which the model cuts the tile, where that is known.
    The last stage of a hierarchical model has a whole fraction of them along each axis.

    Raises:
        InputError: if the tokens are not the prefix and a grid.
    """
    if 1 <= tokens.shape[1] <= num_prefix:
        raise InputError(
            f"model {name} must give a token for each patch, but gives its {tokens.shape[1]} class "
            "tokens alone. Choose a layer, for example layers=-1, or wrap a function that returns "
            "(tiles, dim, h, w)."
        )
    grid_hw = _grid_of_patches(tokens.shape[1] - num_prefix, tile_hw, patches_hw)
    if grid_hw is None:
        grid = f"a grid of {patches_hw[0]}×{patches_hw[1]}" if patches_hw else "a grid"
        raise InputError(
            f"model {name} gives {tokens.shape[1]} tokens for a tile of {tile_hw[0]}×{tile_hw[1]} "
            f"px, which are not {num_prefix} prefix tokens and {grid}. Set num_prefix to the "
            "count of its class and register tokens."
        )
    # (tiles, prefix + h·w, dim) → (tiles, dim, h, w)
    cells = tokens[:, num_prefix:].unflatten(1, grid_hw)
    return TileFeatures(cells.permute(0, 3, 1, 2), tokens[:, :num_prefix])


def concatenate(layers: Sequence[TileFeatures], name: str) -> TileFeatures:
    """Several layers as one, along the channels.

    Raises:
        InputError: if their grids differ.
    """
    if len(layers) == 1:
        return layers[0]
    grids = sorted({tuple(layer.map.shape[-2:]) for layer in layers})
    if len(grids) > 1:
        raise InputError(
            f"layers must have one grid to be concatenated, but those of {name} have "
            f"{', '.join(f'{h}×{w}' for h, w in grids)}. Choose one, for example layers=-1."
        )
    maps, prefixes = zip(*layers, strict=True)
    return TileFeatures(torch.cat(maps, dim=1), torch.cat(prefixes, dim=2))


def _grid_of_patches(num_cells: int, tile_hw: HW, patches_hw: HW | None) -> HW | None:
    if patches_hw is not None and math.prod(patches_hw) == num_cells:
        return patches_hw
    grid_hw = grid_of_tokens(num_cells, tile_hw)
    if grid_hw and patches_hw and any(p % g for p, g in zip(patches_hw, grid_hw, strict=True)):
        return None
    return grid_hw


def grid_of_tokens(num_tokens: int, tile_hw: HW) -> HW | None:
    """The grid of the tile's aspect that has this many cells; None where there is none."""
    height = math.isqrt(max(0, num_tokens) * tile_hw[0] // tile_hw[1])
    width = num_tokens // height if height else 0
    fits = height * width == num_tokens and height * tile_hw[1] == width * tile_hw[0]
    return (height, width) if height and fits else None


def has_aspect(grid_hw: Sequence[int], tile_hw: HW) -> bool:
    """Whether the grid has the tile's aspect, up to the rounding of a cell."""
    return abs(grid_hw[0] * tile_hw[1] - grid_hw[1] * tile_hw[0]) <= max(tile_hw)
