"""Any function or module from tiles to features."""

import math
from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor, nn

from polyscale.backbones.probe import probe
from polyscale.errors import InputError
from polyscale.types import HW, TileFeatures

MAX_GUESSED_PREFIX = 8
"""A class token and registers; more would make any token count fit some grid."""


class CallableBackbone(nn.Module):
    """A function from tiles to a map (tiles, dim, h, w) or tokens (tiles, N, dim).

    The function is called once, on a grey tile, to see what it gives.

    Args:
        function: any callable; a module stays a submodule, so `.to()` moves it.
        tile_hw: size of the tiles it expects, in pixels.
        num_prefix: tokens before the patch tokens; where not given, as many as leave a grid of the
            tile's aspect, and the first of them is taken for a class token.
        name: how results call it.

    Raises:
        InputError: if the output is neither a map nor tokens that form a grid.
    """

    def __init__(
        self,
        function: Callable[[Tensor], Tensor],
        *,
        tile_hw: HW,
        num_prefix: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__()
        _check_tile(tile_hw)
        self.function = function
        self.name: str = name or str(getattr(function, "__name__", type(function).__name__))
        self.tile_hw = tile_hw
        self.fixed_tile = False
        self.mean: tuple[float, ...] | None = None
        self.std: tuple[float, ...] | None = None
        like = function if isinstance(function, nn.Module) else None
        seen = self._checked(probe(function, tile_hw, like=like))
        self.num_prefix = 0 if seen.ndim == 4 else _prefix_of(seen, tile_hw, num_prefix, self.name)
        self.has_cls = self.num_prefix > 0
        map_ = self._split(seen, tile_hw).map
        self.grid_hw: HW = (map_.shape[2], map_.shape[3])
        self.dim = map_.shape[1]

    def forward(self, tiles: Float[Tensor, "tiles 3 tile_h tile_w"]) -> TileFeatures:
        """Features of normalised tiles."""
        return self._split(self._checked(self.function(tiles)), tiles.shape[-2:])

    def _checked(self, features: object) -> Tensor:
        if isinstance(features, Tensor) and features.ndim in (3, 4):
            return features
        seen = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
        raise InputError(
            f"model {self.name} must return (tiles, dim, h, w) or (tiles, tokens, dim), but "
            f"returns {seen}. Wrap a function that picks the feature map out of the output."
        )

    def _split(self, features: Tensor, tile_hw: tuple[int, ...]) -> TileFeatures:
        if features.ndim == 4:
            return TileFeatures(
                features, features.new_zeros(features.shape[0], 0, features.shape[1])
            )
        grid_hw = grid_of_tokens(features.shape[1] - self.num_prefix, (tile_hw[0], tile_hw[1]))
        if grid_hw is None:
            raise InputError(
                f"model {self.name} gives {features.shape[1]} tokens for a tile of "
                f"{tile_hw[0]}×{tile_hw[1]} px, which are not {self.num_prefix} prefix tokens and "
                "a grid. Set num_prefix."
            )
        cells = features[:, self.num_prefix :].unflatten(1, grid_hw)
        return TileFeatures(cells.permute(0, 3, 1, 2), features[:, : self.num_prefix])


def _check_tile(tile_hw: HW) -> None:
    sides = tile_hw if isinstance(tile_hw, tuple | list) else ()
    if len(sides) != 2 or not all(isinstance(n, int) and n >= 1 for n in sides):
        raise InputError(
            f"tile_hw must be (height, width) in pixels, but got {tile_hw!r}. "
            "Example: tile_hw=(224, 224)"
        )


def grid_of_tokens(num_tokens: int, tile_hw: HW) -> HW | None:
    """The grid with the aspect of the tile that has this many cells, if there is one."""
    if num_tokens < 1:
        return None
    height = math.isqrt(num_tokens * tile_hw[0] // tile_hw[1])
    width = num_tokens // height if height else 0
    fits = height * width == num_tokens and height * tile_hw[1] == width * tile_hw[0]
    return (height, width) if fits else None


def _prefix_of(tokens: Tensor, tile_hw: HW, num_prefix: int | None, name: str) -> int:
    """As given, or the smallest count that leaves a grid."""
    num_tokens = tokens.shape[1]
    counts = range(MAX_GUESSED_PREFIX + 1) if num_prefix is None else [num_prefix]
    for count in counts:
        if grid_of_tokens(num_tokens - count, tile_hw) is not None:
            return count
    raise InputError(
        f"num_prefix must leave a grid of the tile's aspect, but model {name} gives {num_tokens} "
        f"tokens for a tile of {tile_hw[0]}×{tile_hw[1]} px"
        + ("" if num_prefix is None else f" and num_prefix is {num_prefix}")
        + ". Count the model's class and register tokens."
    )
