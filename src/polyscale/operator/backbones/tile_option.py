"""`?tile=224` behind a source: a tile size where only a name can be given."""

from polyscale.errors import InputError
from polyscale.types import HW

MAX_TILE_PX = 4096
"""Longest side of a tile: a larger one is a typing mistake, and would fill the memory."""


def split_tile(source: str) -> tuple[str, HW | None]:
    """`hf:NAME?tile=224` → the source and the tile's height and width in pixels.

    Raises:
        InputError: if there is another option, or the size is none or beyond `MAX_TILE_PX`.

    >>> split_tile("hf:facebook/dinov2-base?tile=224"), split_tile("pip:dinov2_small")
    (('hf:facebook/dinov2-base', (224, 224)), ('pip:dinov2_small', None))
    """
    name, mark, option = source.rpartition("?")
    if not mark or "=" not in option:  # a question mark of a path's own
        return source, None
    key, _, value = option.partition("=")
    sides = value.lower().replace("×", "x").split("x")
    whole = all(side.isascii() and side.isdigit() and int(side) >= 1 for side in sides)
    if key != "tile" or not whole or len(sides) > 2:
        raise InputError(
            "the option of a source must be tile=SIDE or tile=HEIGHTxWIDTH in pixels, "
            f"but got {option!r}. Example: hf:facebook/dinov2-base?tile=224"
        )
    if max(map(int, sides)) > MAX_TILE_PX:
        raise InputError(
            f"tile must be at most {MAX_TILE_PX} pixels a side, but got {value}. "
            "Use scales for larger images: they are cut into tiles."
        )
    return name, (int(sides[0]), int(sides[-1]))


def tile_suffix(tile_hw: HW) -> str:
    """The option as `split_tile` reads it, as short as it can be written."""
    height, width = tile_hw
    return f"?tile={height}" if height == width else f"?tile={height}x{width}"
