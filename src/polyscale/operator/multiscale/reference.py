"""`forward`: the call of the reference package, `s2wrapper`."""

import math
from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from polyscale.checks import check_choice, check_integer
from polyscale.errors import InputError
from polyscale.types import HW

SplitMode = Literal["resize", "pad"]


def forward(
    model: Callable[[Tensor], Tensor],
    input: Float[Tensor, "batch channels height width"],
    scales: Sequence[float] | None = None,
    img_sizes: Sequence[int | HW] | None = None,
    max_split_size: int | None = None,
    resize_output_to_idx: int = 0,
    num_prefix_token: int = 0,
    output_shape: Literal["bnc", "bchw"] = "bnc",
    split_forward: bool = False,
    split_mode: SplitMode | None = None,
) -> Tensor:
    """Multi-scale features, called as `s2wrapper.forward` of `bfshi/scaling_on_scales`.

    Same tiles in the same order, same calls of the model and same values as the package on PyPI
    (0.1.0, equal to the repository's main branch) and, with `split_mode`, as its branch
    `dev_any_shape`: bicubic resizing in float32 without antialiasing, area pooling in float32.

    Args:
        model: tiles → tokens (tiles, N, C), N less the prefix a square number, or a map
            (tiles, C, h, w).
        input: images, normalised as the model expects.
        scales: sizes relative to the input.
        img_sizes: sizes in pixels, or (height, width) each; they win over scales.
        max_split_size: largest side of a tile in pixels; the side of a square input by default.
        resize_output_to_idx: index of the scale whose grid the output has.
        num_prefix_token: tokens before the patch tokens; their mean over tiles is kept.
        output_shape: what the model returns and what is returned: "bnc" tokens or "bchw" maps.
        split_forward: call the model on one batch of tiles at a time instead of a scale at a time.
        split_mode: None cuts a level into equal tiles of at most `max_split_size` pixels, as on
            PyPI. "resize" and "pad" make tiles of exactly that size: they resize the level a second
            time to a whole number of tiles, or pad it with zeros and crop the features again. For
            (height, width) pairs and inputs that are not square, None means "resize".

    Returns:
        (batch, prefix + N, C · scales), or (batch, C · scales, h, w) for "bchw".

    Raises:
        InputError: where the reference has an assertion, and where the model's output does not fit
            `output_shape` and `num_prefix_token`.
    """
    _check(input, num_prefix_token, output_shape, split_mode)
    levels = _plan_levels(input, scales, img_sizes, max_split_size, split_mode)
    if not -len(levels) <= resize_output_to_idx < len(levels):
        raise InputError(
            f"resize_output_to_idx must be the index of one of the {len(levels)} scales, "
            f"but got {resize_output_to_idx}. 0 is the first scale."
        )
    prefixes, maps = [], []
    for level in levels:
        tiles = _cut(input, level, split_mode)
        parts = tiles.split(len(input)) if split_forward else [tiles]
        out = torch.cat([model(part) for part in parts])
        if output_shape == "bnc":
            by_tile = out[:, :num_prefix_token].unflatten(0, (math.prod(level.num_hw), len(input)))
            prefixes.append(by_tile.mean(dim=0))
            out = _to_map(out, num_prefix_token)
        maps.append(_stitch(out, level, split_mode))
    grid_hw = maps[resize_output_to_idx].shape[-2:]
    pooled = [F.interpolate(m.float(), grid_hw, mode="area").to(m.dtype) for m in maps]
    fused = torch.cat(pooled, dim=1)
    if output_shape == "bchw":
        return fused
    return torch.cat([torch.cat(prefixes, dim=-1), fused.flatten(2).transpose(1, 2)], dim=1)


class _Level(NamedTuple):
    """What the input is resized to, its rows and columns of tiles, and their size in pixels."""

    size_hw: HW
    num_hw: HW
    tile_hw: HW

    @property
    def canvas_hw(self) -> HW:
        """All tiles side by side; larger than the level where it is no whole number of tiles."""
        return self.num_hw[0] * self.tile_hw[0], self.num_hw[1] * self.tile_hw[1]


def _plan_levels(
    input: Tensor,
    scales: Sequence[float] | None,
    img_sizes: Sequence[int | HW] | None,
    max_split_size: int | None,
    split_mode: SplitMode | None,
) -> list[_Level]:
    height, width = input.shape[-2:]
    if img_sizes:
        sizes = [_pair(size) for size in img_sizes]
    elif scales is not None:
        sizes = [(int(height * scale), int(width * scale)) for scale in scales]
    else:
        raise InputError("scales or img_sizes must be given. Try scales=[1, 2].")
    if min((min(size) for size in sizes), default=0) < 1:
        raise InputError(f"scales must give sizes of at least one pixel, but they give {sizes}.")
    if not max_split_size and height != width:
        raise InputError(
            f"max_split_size must be given for inputs that are not square, but {height}×{width} px "
            "came without. Use the model's own size."
        )
    pairs = height != width or not all(isinstance(s, Integral) for s in img_sizes or ())
    split = check_integer("max_split_size", max_split_size or height)
    return [_level(size, split, equal=not (split_mode or pairs)) for size in sizes]


def _pair(size: int | HW) -> HW:
    height, width = (size, size) if isinstance(size, int | Integral) else size
    return int(height), int(width)


def _level(size_hw: HW, split: int, *, equal: bool) -> _Level:
    num_hw = math.ceil(size_hw[0] / split), math.ceil(size_hw[1] / split)
    if not equal:
        return _Level(size_hw, num_hw, (split, split))
    size, num = size_hw[0], num_hw[0]
    if size % num:
        raise InputError(
            f"image size {size} must be a whole number of tiles, but max_split_size {split} "
            f"makes {num} × {num} of them. Choose a size that {num} divides, set "
            "split_mode='resize', or use polyscale.wrap, whose tiles may overlap."
        )
    return _Level(size_hw, num_hw, (size // num, size // num))


def _check(input: Tensor, num_prefix_token: int, output_shape: str, split_mode: str | None) -> None:
    if input.ndim != 4:
        raise InputError(
            "input must be images of shape (batch, channels, height, width), but got "
            f"{tuple(input.shape)}. A single image needs input[None]."
        )
    check_choice("output_shape", output_shape, ("bnc", "bchw"))
    if split_mode not in (None, "resize", "pad"):
        raise InputError(f"split_mode must be 'resize', 'pad' or None, but got {split_mode!r}.")
    if num_prefix_token < 0 or (num_prefix_token and output_shape == "bchw"):
        raise InputError(
            f"num_prefix_token must be at least 0 for tokens and 0 for maps, but got "
            f"{num_prefix_token} for output_shape={output_shape!r}. Leave it out for maps."
        )


def _cut(images: Tensor, level: _Level, split_mode: SplitMode | None) -> Tensor:
    """(batch, channels, h, w) → (rows · columns · batch, channels, tile_h, tile_w)."""
    images = _resize(images, level.size_hw)
    if level.canvas_hw != level.size_hw:
        below, beside = (level.canvas_hw[a] - level.size_hw[a] for a in (0, 1))
        images = (
            F.pad(images, (0, beside, 0, below))
            if split_mode == "pad"
            else _resize(images, level.canvas_hw)
        )
    tiled = images.unflatten(3, (-1, level.tile_hw[1])).unflatten(2, (-1, level.tile_hw[0]))
    return tiled.permute(2, 4, 0, 1, 3, 5).flatten(0, 2)


def _resize(images: Tensor, size_hw: HW) -> Tensor:
    return F.interpolate(images.float(), size_hw, mode="bicubic").to(images.dtype)


def _to_map(tokens: Tensor, num_prefix: int) -> Tensor:
    num = tokens.shape[1] - num_prefix
    side = math.isqrt(max(0, num))
    if not side or side**2 != num:
        raise InputError(
            f"num_prefix_token must leave a square number of tokens, but the model gives "
            f"{tokens.shape[1]} tokens and num_prefix_token is {num_prefix}. "
            "Count the model's class and register tokens."
        )
    return tokens[:, num_prefix:].unflatten(1, (side, side)).permute(0, 3, 1, 2)


def _stitch(tiles: Tensor, level: _Level, split_mode: SplitMode | None) -> Tensor:
    """(rows · columns · batch, C, h, w) → (batch, C, rows · h, columns · w), without padding."""
    rows, columns = level.num_hw
    batch = len(tiles) // (rows * columns)
    by_tile = tiles.unflatten(0, (rows, columns, batch)).permute(2, 3, 0, 4, 1, 5)
    whole = by_tile.flatten(4).flatten(2, 3)
    if split_mode != "pad":
        return whole
    # in the reference's order: the rounding error of the quotient adds a cell in rare cases
    height, width = (
        math.ceil(level.size_hw[a] / level.canvas_hw[a] * whole.shape[2 + a]) for a in (0, 1)
    )
    return whole[:, :, :height, :width]
