"""Towers whose grid follows the picture: sizes of images, and the scales that are run for them."""

from collections.abc import Sequence

from polyscale.errors import InputError
from polyscale.operator.plan import closest_grid, squared_tiles
from polyscale.types import HW


def kept_size(shorter_px: int, picture_hw: HW) -> HW:
    """Height and width in pixels of a picture whose shorter side is made so long."""
    height, width = picture_hw
    longer_px = shorter_px * max(height, width) // min(height, width)
    return (shorter_px, longer_px) if height <= width else (longer_px, shorter_px)


def dynamic_size(
    scales: Sequence[float], tile_px: int, picture_hw: HW, *, skip_enlarged: bool
) -> HW:
    """Height and width in pixels of the tiles that a picture is cut into at its largest scale.

    Args:
        scales: of the tower.
        tile_px: side of a tile.
        picture_hw: size of the picture, in pixels.
        skip_enlarged: leave out scales of more pixels than the picture has, except the smallest.
    """
    largest = max(scales)
    if skip_enlarged:
        num_tiles = picture_hw[0] * picture_hw[1] / tile_px**2
        fitting = [scale for scale in scales if squared_tiles(scale) <= num_tiles]
        largest = max(fitting, default=min(scales))
    rows, columns = closest_grid(largest, (tile_px, tile_px), picture_hw)
    return rows * tile_px, columns * tile_px


def scales_run(scales: Sequence[float], tile_px: int, image_hw: HW) -> tuple[float, ...]:
    """The scales that are run for an image of whole tiles: the largest that it has tiles for.

    Raises:
        InputError: if the image has no size that `dynamic_size` gives.
    """
    height, width = image_hw
    num_tiles = (height // tile_px) * (width // tile_px)
    run = tuple(scale for scale in scales if squared_tiles(scale) <= num_tiles)
    whole = height % tile_px == 0 and width % tile_px == 0
    if not (run and whole and num_tiles <= squared_tiles(max(run)) * 4 // 3):
        raise InputError(
            f"pixel_values must be images of whole tiles of {tile_px} px, as the largest scale of "
            f"{tuple(scales)} needs them, but are {height}×{width} px. Use the image processor of "
            "make_llava, and give the tower its image_sizes."
        )
    return run
