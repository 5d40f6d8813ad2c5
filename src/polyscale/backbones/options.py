"""What a user may choose about how a model is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from polyscale.errors import InputError
from polyscale.types import HW

Layers = int | Sequence[int] | None
"""One layer or several, 0 the first, negative from the end; None is the model's own output."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """How to read a model; what is left out is read from the model itself.

    Attributes:
        tile_hw: size of a tile in pixels.
        num_prefix: class and register tokens before the patch tokens.
        layers: whose output is read; several are concatenated along the channels.
        norm: whether the model's final norm is applied.
        output: key or index of the features, for a callable that returns several things.
        channels_last: whether the maps of a callable are (tiles, h, w, dim); None takes them for
            (tiles, dim, h, w) and checks that they have the tile's aspect.
    """

    tile_hw: HW | None = None
    num_prefix: int | None = None
    layers: Layers = None
    norm: bool = True
    output: str | int | None = None
    channels_last: bool | None = None

    def __post_init__(self) -> None:
        if self.tile_hw is not None:
            _check_tile(self.tile_hw)
        if self.num_prefix is not None and self.num_prefix < 0:
            raise InputError(f"num_prefix must be at least 0, but got {self.num_prefix}.")
        if self.layer_indices == ():
            raise InputError("layers must name at least one layer, but is empty.")

    @property
    def layer_indices(self) -> tuple[int, ...] | None:
        """`layers` as a tuple."""
        if self.layers is None:
            return None
        return (self.layers,) if isinstance(self.layers, int) else tuple(self.layers)

    def refuse(self, *names: str, by: str, instead: str) -> None:
        """Stop where the user chose what an adapter does not offer.

        Args:
            names: of attributes.
            by: the adapter, as the message calls it.
            instead: what to do.
        """
        default = ReadOptions()
        for name in names:
            value = getattr(self, name)
            if value != getattr(default, name):
                raise InputError(
                    f"{name} must be left out for {by}, which does not offer it, "
                    f"but got {value!r}. {instead}"
                )

    def label(self, name: str) -> str:
        """The model's name with the choices that change its features: `hf:x[layers=-2,-1]`."""
        chosen = []
        if self.layer_indices is not None:
            chosen.append("layers=" + ",".join(map(str, self.layer_indices)))
        if not self.norm:
            chosen.append("norm=no")
        return f"{name}[{';'.join(chosen)}]" if chosen else name


def pick_layers(outputs: Sequence[T], layers: Sequence[int], name: str) -> list[T]:
    """The outputs of the chosen layers, in the order asked for.

    Raises:
        InputError: if the model has no such layer.
    """
    check_layers(layers, len(outputs), name)
    return [outputs[layer] for layer in layers]


def check_layers(layers: Sequence[int], num_layers: int, name: str) -> None:
    """Refuse a layer that the model does not have.

    Raises:
        InputError: with the layers it has.
    """
    for layer in layers:
        if not -num_layers <= layer < num_layers:
            raise InputError(
                f"layers must be from {-num_layers} to {num_layers - 1} for {name}, which has "
                f"{num_layers} layers, but got {layer}."
            )


def _check_tile(tile_hw: object) -> None:
    sides = tile_hw if isinstance(tile_hw, tuple | list) else ()
    if len(sides) != 2 or not all(isinstance(n, int) and n >= 1 for n in sides):
        raise InputError(
            f"tile_hw must be a height and a width of at least 1 px, but got {tile_hw!r}. "
            "Example: tile_hw=(224, 224)"
        )
