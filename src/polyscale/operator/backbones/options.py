"""What a user may choose about how a model is read."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import index
from typing import Any, TypeVar

from polyscale.errors import InputError
from polyscale.operator.backbones.preprocessing import Channels, Preprocessing, read_preprocessing
from polyscale.types import HW

Layers = int | Sequence[int] | None
"""One layer or several, 0 the first, negative from the end; None is the model's own output."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """How to read a model; what is left out is read from the model itself.

    Attributes:
        tile_hw: size of a tile in pixels.
        in_channels: channels of an image.
        num_prefix: class and register tokens before the patch tokens.
        layers: whose output is read; several are concatenated along the channels.
        norm: whether the model's final norm is applied.
        output: key or index of the features, for a callable that returns several things.
        channels_last: whether the maps of a callable are (tiles, h, w, dim); None takes them for
            (tiles, dim, h, w) and checks that they have the tile's aspect.
        mean: of each channel of an image in 0..1, subtracted before the model.
        std: what each channel is divided by after that.
        processor: where mean and std are taken from instead: an image processor of transformers
            or its configuration, a data configuration of timm, or a transform of torchvision.
    """

    tile_hw: HW | None = None
    in_channels: int | None = None
    num_prefix: int | None = None
    layers: Layers = None
    norm: bool = True
    output: str | int | None = None
    channels_last: bool | None = None
    mean: Channels | None = None
    std: Channels | None = None
    processor: object | None = None

    def __post_init__(self) -> None:
        if self.tile_hw is not None:
            object.__setattr__(self, "tile_hw", _checked_tile(self.tile_hw))
        for name, least in (("num_prefix", 0), ("in_channels", 1)):
            value = getattr(self, name)
            if value is not None and not (_is_whole(value) and value >= least):
                raise InputError(f"{name} must be at least {least}, but got {value!r}.")
        if self.layer_indices == ():
            raise InputError("layers must name at least one layer, but is empty.")
        if self.processor is not None and (self.mean is not None or self.std is not None):
            raise InputError("give either mean and std or a processor, but got both.")
        object.__setattr__(self, "mean", _floats("mean", self.mean))
        object.__setattr__(self, "std", _floats("std", self.std))
        if self.mean is not None or self.std is not None or self.processor is not None:
            _check_channels(self.preprocessing, self.in_channels)

    @property
    def layer_indices(self) -> tuple[int, ...] | None:
        """`layers` as a tuple."""
        if self.layers is None:
            return None
        layers = self.layers if isinstance(self.layers, Iterable) else (self.layers,)
        if isinstance(layers, str) or not all(_is_whole(layer) for layer in layers):
            raise InputError(f"layers must be whole numbers, but got {self.layers!r}.")
        return tuple(index(layer) for layer in layers)

    @property
    def preprocessing(self) -> Preprocessing:
        """Mean and standard deviation as the user gives them, and the size that goes with them."""
        if self.processor is not None:
            return read_preprocessing(self.processor)
        return Preprocessing(self.mean, self.std)

    def refuse(self, *names: str, by: str, instead: str) -> None:
        """Refuse a choice that the user made but the adapter does not offer."""
        for name in names:
            value = getattr(self, name)
            if value != getattr(DEFAULTS, name):
                raise InputError(
                    f"{name} must be left out for {by}, which does not offer it, "
                    f"but got {value!r}. {instead}"
                )

    def label(self, name: str) -> str:
        """The model's name with the choices that change its features: `hf:x[layers=-2,-1]`."""
        chosen = [] if self.norm else ["norm=no"]
        if self.layer_indices is not None:
            chosen.insert(0, "layers=" + ",".join(map(str, self.layer_indices)))
        return f"{name}[{';'.join(chosen)}]" if chosen else name


def pick_layers(outputs: Sequence[T], layers: Sequence[int], name: str) -> list[T]:
    """The outputs of the chosen layers, in the order asked for."""
    check_layers(layers, len(outputs), name)
    return [outputs[layer] for layer in layers]


def read_in_order(
    layers: Sequence[int], num_layers: int, read: Callable[[list[int]], Sequence[T]]
) -> list[T]:
    """The layers in the order asked for, where `read` gives each once and in ascending order."""
    ascending = sorted({layer % num_layers for layer in layers})
    outputs = dict(zip(ascending, read(ascending), strict=True))
    return [outputs[layer % num_layers] for layer in layers]


def check_layers(layers: Sequence[int], num_layers: int, name: str) -> None:
    """Refuse a layer that the model does not have."""
    for layer in layers:
        if not -num_layers <= layer < num_layers:
            raise InputError(
                f"layers must be from {-num_layers} to {num_layers - 1} for {name}, which has "
                f"{num_layers} layers, but got {layer}."
            )


def _is_whole(value: Any) -> bool:
    return hasattr(value, "__index__") and not isinstance(value, bool)


def _checked_tile(tile_hw: object) -> HW:
    sides = tile_hw if isinstance(tile_hw, tuple | list) else ()
    if len(sides) != 2 or not all(_is_whole(n) and n >= 1 for n in sides):
        raise InputError(
            f"tile_hw must be a height and a width of at least 1 px, but got {tile_hw!r}. "
            "Example: tile_hw=(224, 224)"
        )
    return int(sides[0]), int(sides[1])


def _floats(name: str, values: Any) -> Channels | None:
    try:
        return None if values is None else tuple(float(value) for value in values)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be a number for each channel, but got {values!r}.") from None


def _check_channels(preprocessing: Preprocessing, in_channels: int | None) -> None:
    """Refuse a mean and a standard deviation that cannot belong to one image."""
    mean, std = preprocessing.mean, preprocessing.std
    if mean is None or std is None:
        raise InputError(
            f"mean and std must be given together, or a processor that has both, but mean is "
            f"{mean} and std is {std}. Example: mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)"
        )
    if len(mean) != len(std) or len(mean) != (in_channels or len(mean)) or not mean:
        raise InputError(
            f"mean and std must have one number for each of {in_channels or 'the'} channels, but "
            f"have {len(mean)} and {len(std)}."
        )
    if not all(map(math.isfinite, (*mean, *std))) or min(std) <= 0:
        raise InputError(f"mean and std must be finite and std positive, but got {mean} and {std}.")


def no_final_norm(name: str) -> InputError:
    """What `norm=False` raises where there is no norm that can be left out."""
    return InputError(
        f"norm must be True for {name}, which applies no final norm to each position, but got "
        "False. Leave it out."
    )


DEFAULTS = ReadOptions()
"""Everything is read from the model itself."""
