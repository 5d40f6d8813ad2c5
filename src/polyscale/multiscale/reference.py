"""`forward`: the call of the reference package, on the engine of `MultiScale`."""

import math
from collections.abc import Callable, Sequence
from typing import Literal

from jaxtyping import Float
from torch import Tensor

from polyscale.errors import InputError
from polyscale.multiscale.fuse import FusedTokens
from polyscale.multiscale.resize import interpolate
from polyscale.multiscale.stream import Crop, Group, OpenLevel, tile_chunks
from polyscale.plan import AxisWeights, Level, TileGrid, adaptive_weights, plan_reference_levels
from polyscale.types import HW, TileFeatures


def forward(
    model: Callable[[Tensor], Tensor],
    input: Float[Tensor, "batch 3 size size"],
    scales: Sequence[float] | None = None,
    img_sizes: Sequence[int] | None = None,
    max_split_size: int | None = None,
    resize_output_to_idx: int = 0,
    num_prefix_token: int = 0,
    output_shape: Literal["bnc", "bchw"] = "bnc",
    split_forward: bool = False,
) -> Tensor:
    """Multi-scale features, called as `s2wrapper.forward` of the package `scaling-on-scales`.

    Same arguments, same tiles in the same order, same values: bicubic resizing in float32 without
    antialiasing, tiles of size / ⌈size / max_split_size⌉ pixels, area pooling.

    Args:
        model: tiles → tokens (tiles, N, C) or a map (tiles, C, h, w).
        input: square images, normalised as the model expects.
        scales: sizes relative to the input.
        img_sizes: sizes in pixels, instead of scales.
        max_split_size: largest side of a tile in pixels; the input's size where not given.
        resize_output_to_idx: index of the scale whose grid the output has.
        num_prefix_token: tokens before the patch tokens; their mean over tiles is kept.
        output_shape: what the model returns and what is returned: "bnc" tokens or "bchw" maps.
        split_forward: call the model on one batch of tiles at a time instead of a scale at a time.

    Returns:
        (batch, prefix + N, C · scales), or (batch, C · scales, h, w) for "bchw".

    Raises:
        InputError: where the reference package has an assertion, and where the token count less
            `num_prefix_token` is not a square number.
    """
    if input.ndim != 4 or input.shape[2] != input.shape[3]:
        raise InputError(
            "input must be square images of shape (batch, channels, size, size), but got "
            f"{tuple(input.shape)}. Use polyscale.wrap for other shapes."
        )
    if output_shape not in ("bnc", "bchw"):
        raise InputError(f"output_shape must be 'bnc' or 'bchw', but got {output_shape!r}.")
    if output_shape == "bchw" and num_prefix_token:
        raise InputError(
            f"num_prefix_token must be 0 for maps, but got {num_prefix_token}. "
            "Leave it out, or set output_shape='bnc'."
        )
    levels = plan_reference_levels(input.shape[-1], scales, img_sizes, max_split_size)
    if not -len(levels) <= resize_output_to_idx < len(levels):
        raise InputError(
            f"resize_output_to_idx must be the index of one of the {len(levels)} scales, "
            f"but got {resize_output_to_idx}."
        )
    chosen = resize_output_to_idx % len(levels)

    def output_grid(index: int, grid_hw: HW) -> HW | None:
        side = grid_hw[0] * len(levels[index].grids[0].tops)
        return (side, side) if index == chosen else None

    def tile_function(tiles: Tensor) -> TileFeatures:
        out = model(tiles)
        return _split_tokens(out, num_prefix_token) if output_shape == "bnc" else _no_prefix(out)

    fused = FusedTokens(
        num_levels=len(levels),
        num_images=len(input),
        pooling_rule=_adaptive_rule,
        output_grid=output_grid,
    )
    group = Group(levels, _open_level(input), slice(0, len(input)))
    for tiles, spans in tile_chunks(
        [group], lambda tile_hw: (len(input) or None) if split_forward else None
    ):
        fused.add_chunk(spans, tile_function(tiles))
    tokens = fused.result()
    if output_shape == "bnc":
        return tokens
    return tokens.unflatten(1, fused.grid_hw).permute(0, 3, 1, 2).contiguous()


def _open_level(images: Tensor) -> OpenLevel:
    def open_level(level: Level) -> Crop:
        same = level.image_hw == tuple(images.shape[-2:])
        resized = images if same else interpolate(images.float(), level.image_hw).to(images.dtype)
        return lambda box, some: resized[some, :, box[0] : box[2], box[1] : box[3]]

    return open_level


def _split_tokens(tokens: Tensor, num_prefix: int) -> TileFeatures:
    side = math.isqrt(tokens.shape[1] - num_prefix) if tokens.shape[1] > num_prefix else 0
    if not side or side**2 + num_prefix != tokens.shape[1]:
        raise InputError(
            f"num_prefix_token must leave a square number of tokens, but the model gives "
            f"{tokens.shape[1]} tokens and num_prefix_token is {num_prefix}. "
            "Count the model's class and register tokens."
        )
    map_ = tokens[:, num_prefix:].unflatten(1, (side, side)).permute(0, 3, 1, 2)
    return TileFeatures(map_, tokens[:, :num_prefix])


def _no_prefix(map_: Tensor) -> TileFeatures:
    return TileFeatures(map_, map_.new_zeros(map_.shape[0], 0, map_.shape[1]))


def _adaptive_rule(
    level: Level, grid: TileGrid, cells_hw: HW, out_hw: HW
) -> tuple[Sequence[AxisWeights], Sequence[AxisWeights]]:
    return (
        adaptive_weights(len(grid.tops), cells_hw[0], out_hw[0]),
        adaptive_weights(len(grid.lefts), cells_hw[1], out_hw[1]),
    )
