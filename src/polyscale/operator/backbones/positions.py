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
    tile_hw: Sequence[int],
    patches_hw: HW | None,
    name: str,
) -> TileFeatures:
    """Tokens, row by row after the prefix, as a map (a view).

    Args:
        tokens: as the model gives them.
        num_prefix: class and register tokens.
        tile_hw: size of the tile that they describe, in pixels.
        patches_hw: the patches that the model cuts the tile into, where that is known; the last
            stage of a hierarchical model has a whole fraction of them along each axis.
        name: of the model, for the error.

    Raises:
        InputError: if the tokens are not the prefix and the grid.
    """
    num_cells = tokens.shape[1] - num_prefix
    if 1 <= tokens.shape[1] <= num_prefix:
        raise InputError(
            f"model {name} must give a token for each patch, but gives its {tokens.shape[1]} class "
            "tokens alone. Choose a layer, for example layers=-1, or wrap a function that returns "
            "(tiles, dim, h, w)."
        )
    grid_hw = _grid_of_cells(num_cells, (tile_hw[0], tile_hw[1]), patches_hw)
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
        seen = ", ".join(f"{h}×{w}" for h, w in grids)
        raise InputError(
            f"layers must have one grid to be concatenated, but those of {name} have {seen}. "
            "Choose one, for example layers=-1."
        )
    maps, prefixes = zip(*layers, strict=True)
    return TileFeatures(torch.cat(maps, dim=1), torch.cat(prefixes, dim=2))


def _grid_of_cells(num_cells: int, tile_hw: HW, patches_hw: HW | None) -> HW | None:
    if patches_hw is not None and patches_hw[0] * patches_hw[1] == num_cells:
        return patches_hw
    grid_hw = grid_of_tokens(num_cells, tile_hw)
    if grid_hw is None or patches_hw is None:
        return grid_hw
    whole = patches_hw[0] % grid_hw[0] == 0 and patches_hw[1] % grid_hw[1] == 0
    return grid_hw if whole else None


def grid_of_tokens(num_tokens: int, tile_hw: HW) -> HW | None:
    """The grid with the aspect of the tile that has this many cells, if there is one."""
    if num_tokens < 1:
        return None
    height = math.isqrt(num_tokens * tile_hw[0] // tile_hw[1])
    width = num_tokens // height if height else 0
    fits = height * width == num_tokens and height * tile_hw[1] == width * tile_hw[0]
    return (height, width) if fits else None


def has_aspect(grid_hw: Sequence[int], tile_hw: Sequence[int]) -> bool:
    """Whether the grid has the tile's aspect, up to the rounding of a cell."""
    (grid_h, grid_w), (tile_h, tile_w) = grid_hw, tile_hw
    return abs(grid_h * tile_w - grid_w * tile_h) <= max(tile_h, tile_w)
