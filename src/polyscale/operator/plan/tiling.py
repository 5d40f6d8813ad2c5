"""How images are to be cut: the choices, checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from polyscale.checks import check_choice, check_flag, check_integer, check_integers, is_real
from polyscale.errors import InputError
from polyscale.types import HW, check_scales

Aspect = Literal["squash", "keep", "pad", "slide", "dynamic"]
"""What happens to images that are not of the model's aspect.

- squash: every level has the model's own aspect (the paper).
- keep: from scale 1 on, a level has the image's own aspect, and its shorter side is `scale` tiles
  long. Along the longer side tiles overlap evenly where it is no whole number of them: for a tile
  of 224 px, an image of 3:2 becomes 224×336 px with 1×2 overlapping tiles at scale 1, and 448×672
  px with 2×3 tiles at scale 2. Below scale 1 it is squashed.
- pad: the image keeps its aspect inside the model's, and the rest is never pooled.
- slide: a window of the model's size slides over the image at its own resolution, as in MONAI's
  `sliding_window_inference`; scales are then relative to the image, and 1 leaves it as it is.
- dynamic: the largest scale is cut into whole tiles, in rows and columns whose aspect is closest to
  the image's; all others are squashed (NVILA's Dynamic-S²). At scale 3 that is 9 to 12 tiles."""

Window = Literal["uniform", "hann", "gaussian"]
"""How cells of overlapping tiles are weighted by their place in the tile."""

MAX_OVERLAP = 0.9
"""Ten tiles along each axis see every pixel then."""


@dataclass(frozen=True, kw_only=True)
class Tiling:
    """How images are cut into levels and tiles.

    Attributes:
        scales: sizes relative to the model's own, where a scale below 1 is a single smaller tile;
            with aspect "slide" relative to the image, in tiles of the model's own size.
        aspect: what happens to images that are not of the model's aspect, see `Aspect`.
        overlap: share of a tile that the next one covers again, 0 to 0.9.
        window: weights where tiles overlap.
        shifted: a second grid of tiles at each level, shifted by half a tile, averaged with the
            first.
        split: False runs each level as one large tile: the control without tiling (Table 11).
        max_tiles: most tiles of a level, overlapping and shifted ones included. With aspect "keep"
            the level shrinks to fit, down to scale 1; "dynamic" tries no grid of more; elsewhere a
            level that needs more is an error.
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
        check_choice("aspect", self.aspect, get_args(Aspect))
        check_choice("window", self.window, get_args(Window))
        if not is_real(self.overlap) or not 0 <= self.overlap <= MAX_OVERLAP:
            raise InputError(
                f"overlap must be between 0 and {MAX_OVERLAP}, but got {self.overlap!r}. "
                "With overlap=0.25 each tile covers a quarter of the one before."
            )
        object.__setattr__(self, "overlap", float(self.overlap))
        check_flag("shifted", self.shifted)
        check_flag("split", self.split)
        check_integers(self, "max_tiles")


def scales_of(sizes_px: Sequence[int], tile_hw: HW, aspect: Aspect = "squash") -> tuple[float, ...]:
    """Sizes of the shorter side of each level, in pixels, as scales.

    Raises:
        InputError: if a size is not a whole number of at least one pixel, or scales are relative
            to the image (aspect "slide"), so that no size in pixels can be meant.
    """
    if aspect == "slide":
        raise InputError(
            "sizes must be left out for aspect='slide', whose scales are relative to the image, "
            f"but got {sizes_px!r}. Use scales=(0.5, 1)."
        )
    if not isinstance(sizes_px, Sequence) or isinstance(sizes_px, str):
        raise InputError(
            f"sizes must be a sequence of pixels, but got {sizes_px!r}. Try sizes=(224, 448)."
        )
    return check_scales(check_integer("sizes", size) / min(tile_hw) for size in sizes_px)


def check_hw(name: str, value: object) -> HW:
    """Height and width, whole numbers of at least 1, as Python integers."""
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        raise InputError(f"{name} must be (height, width), but got {value!r}.")
    return check_integer(name, value[0]), check_integer(name, value[1])
