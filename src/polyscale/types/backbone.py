"""What a vision model looks like from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
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
        in_channels: channels of an image, 3 for RGB.
        fixed_tile: whether the model is known to refuse any other tile size. Others may refuse
            some sizes when they are run.
        mean: what was subtracted from each channel of an image in 0..1 at training.
        std: what each channel was divided by after that.
    """

    name: str
    tile_hw: HW
    grid_hw: HW
    dim: int
    num_prefix: int
    has_cls: bool
    in_channels: int
    fixed_tile: bool
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None

    def __call__(self, tiles: Float[Tensor, "tiles channels tile_h tile_w"]) -> TileFeatures:
        """Features of normalised tiles."""
        ...
