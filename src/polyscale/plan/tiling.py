"""How images are to be cut: the choices, checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from polyscale.errors import InputError
from polyscale.types import HW, check_scales

Aspect = Literal["squash", "keep", "pad"]
"""squash: every level has the model's own aspect (the paper). keep: the grid of tiles follows the
image's aspect. pad: the image keeps its aspect inside the model's, and the rest is never pooled."""

Window = Literal["uniform", "hann", "gaussian"]
"""How cells of overlapping tiles are weighted by their place in the tile."""


@dataclass(frozen=True, kw_only=True)
class Tiling:
    """How images are cut into levels and tiles.

    Attributes:
        scales: sizes relative to the model's own; below 1 a single smaller tile.
        aspect: what happens to images that are not of the model's aspect.
        overlap: share of a tile that the next one covers again, 0 to 0.9.
        window: weights where tiles overlap.
        shifted: a second grid of tiles at each level, shifted by half a tile, averaged with the
            first.
        split: False runs each level as one large tile: the control without tiling (Table 11).
        max_tiles: most tiles of a level; with aspect "keep" the grid shrinks to fit.
    """

    scales: tuple[float, ...] = (1, 2, 3)
    aspect: Aspect = "squash"
    overlap: float = 0.0
    window: Window = "uniform"
    shifted: bool = False
    split: bool = True
    max_tiles: int = 4096

    def __post_init__(self) -> None:
        object.__setattr__(self, "scales", check_scales(self.scales))
        _check_choice("aspect", self.aspect, get_args(Aspect))
        _check_choice("window", self.window, get_args(Window))
        if not isinstance(self.overlap, int | float) or not 0 <= self.overlap <= 0.9:
            raise InputError(f"overlap must be between 0 and 0.9, but got {self.overlap!r}.")
        check_flag("shifted", self.shifted)
        check_flag("split", self.split)
        if not isinstance(self.max_tiles, int) or self.max_tiles < 1:
            raise InputError(f"max_tiles must be at least 1, but got {self.max_tiles!r}.")


def scales_of(sizes_px: Sequence[int], tile_hw: HW) -> tuple[float, ...]:
    """Sizes in pixels as scales.

    Args:
        sizes_px: of the shorter side of each level.
        tile_hw: the model's own size, in pixels.

    Raises:
        InputError: if a size is not a whole number of at least one pixel.
    """
    if not isinstance(sizes_px, Sequence) or not all(
        isinstance(size, int) and size >= 1 for size in sizes_px
    ):
        raise InputError(
            f"sizes must be whole numbers of pixels, but got {sizes_px!r}. Try sizes=(224, 448)."
        )
    return check_scales(size / min(tile_hw) for size in sizes_px)


def check_flag(name: str, value: object) -> None:
    """Refuse what is neither True nor False.

    Raises:
        InputError: with the name and the value.
    """
    if not isinstance(value, bool):
        raise InputError(f"{name} must be True or False, but got {value!r}.")


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"{name} must be one of {', '.join(choices)}, but got {value!r}.")
