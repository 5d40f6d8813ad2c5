"""The nouns that every floor shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, runtime_checkable

from polyscale.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jaxtyping import Float
    from torch import Tensor

HW = tuple[int, int]
"""Height and width, in pixels or in cells: the name of the variable says which."""

Source = Literal["base", "native"]
"""What the larger scales are resized from: the image at base size, so that no new pixel enters
(the fair comparison with model size), or the original picture (what practitioners want)."""

SOURCES: tuple[Source, ...] = ("base", "native")


class TileFeatures(NamedTuple):
    """What a backbone says of a batch of tiles."""

    map: Float[Tensor, "tiles dim grid_h grid_w"]
    prefix: Float[Tensor, "tiles prefix dim"]


@runtime_checkable
class Backbone(Protocol):
    """A vision model behind one face: equal-sized tiles in, a feature map and prefix tokens out.

    Attributes:
        name: how a result calls it, for example `timm:vit_base_patch16_224`.
        tile_hw: size of a tile in pixels: the size the model was trained at.
        grid_hw: cells of the feature map of one tile.
        dim: channels of the features.
        num_prefix: tokens before the patch tokens (class token and registers).
        has_cls: whether the first of them is a class token.
        fixed_tile: whether the model refuses any other tile size.
        mean: what was subtracted from each channel of an image in 0..1 at training.
        std: what each channel was divided by after that.
    """

    name: str
    tile_hw: HW
    grid_hw: HW
    dim: int
    num_prefix: int
    has_cls: bool
    fixed_tile: bool
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None

    def __call__(self, tiles: Float[Tensor, "tiles 3 tile_h tile_w"]) -> TileFeatures:
        """Features of normalised tiles."""
        ...


def check_scales(scales: Iterable[float]) -> tuple[float, ...]:
    """The scales as a tuple, each a positive number and none given twice.

    Raises:
        InputError: if there is no scale, or one is not positive or is repeated.
    """
    checked = tuple(scales)
    if not checked:
        raise InputError("scales must hold at least one scale, but is empty. Try scales=(1, 2).")
    for scale in checked:
        if not isinstance(scale, int | float) or not 0 < scale < float("inf"):
            raise InputError(
                f"scales must be positive numbers, but got {scale!r} in {checked}. "
                "A scale of 2 means twice the model's own size."
            )
        if checked.count(scale) > 1:
            raise InputError(
                f"scales must not repeat, but got {format_scale(scale)} twice in {checked}. "
                "Name each scale once."
            )
    return checked


def format_scale(scale: float) -> str:
    """`1`, `1.5`: a scale as short as it can be written."""
    return f"{scale:g}"


@dataclass(frozen=True)
class Candidate:
    """A backbone and its scales: one answer to the question which model to use.

    Written `SOURCE@SCALES`, for example `pip:efficientnet_lite0@1,2`; without `@`, scale 1.
    """

    backbone: str
    scales: tuple[float, ...]

    def __post_init__(self) -> None:
        check_scales(self.scales)

    @classmethod
    def parse(cls, text: str) -> Candidate:
        """Read `SOURCE@SCALES`.

        Raises:
            InputError: if the source is empty or the scales are not numbers.
        """
        source, at, scales = text.rpartition("@")
        if not at:
            source, scales = text, "1"
        if not source:
            raise InputError(
                f"candidate must be SOURCE@SCALES, but got {text!r}. "
                "Example: pip:efficientnet_lite0@1,2"
            )
        try:
            numbers = [float(part) for part in scales.split(",")]
        except ValueError:
            raise InputError(
                f"candidate {text!r}: scales must be numbers with commas between, "
                f"but got {scales!r}. Example: {source}@1,2"
            ) from None
        return cls(source, tuple(int(n) if n == int(n) else n for n in check_scales(numbers)))

    def __str__(self) -> str:
        return f"{self.backbone}@{','.join(format_scale(s) for s in self.scales)}"

