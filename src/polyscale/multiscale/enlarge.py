"""Bicubic enlargement by whole factors, several times faster than torch's kernel.

Enlarged by 3, every third output pixel lies at the same place between input pixels. So each of the
3 phases is a sum of four shifted copies of the input, which is read and written in order. The
weights are torch's, with its rounding of coordinates in float32, so the values are torch's too.
"""

from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from polyscale.types import HW

A = -0.75
"""Of Keys' cubic convolution, as torch has it."""

TAPS = 4


def enlarge_box(
    images: Float[Tensor, "batch 3 h w"], factors: HW, box: tuple[int, int, int, int]
) -> Float[Tensor, "batch 3 box_h box_w"]:
    """A part of the enlarged images, as `interpolate(…, mode="bicubic")` makes it, in float32.

    Args:
        images: any value range.
        factors: of height and width, whole numbers.
        box: top, left, bottom and right edge in pixels of the enlarged images.
    """
    (top, left, bottom, right), (by_row, by_column) = box, factors
    seen = _seen(images, 2, _range(top, bottom, by_row))
    seen = _seen(seen, 3, _range(left, right, by_column)).to(torch.float32)
    enlarged = _enlarge_axis(seen, 2, by_row, images.shape[2], top, bottom)
    return _enlarge_axis(enlarged, 3, by_column, images.shape[3], left, right)


def _range(start: int, stop: int, factor: int) -> tuple[int, int]:
    """Input pixels that output pixels `start` to before `stop` are made of."""
    reach = 2 if factor > 1 else 0
    return start // factor - reach, -(-stop // factor) + reach


def _enlarge_axis(
    seen: Tensor, axis: int, factor: int, length: int, start: int, stop: int
) -> Tensor:
    """Enlarge what is seen along one axis, to output pixels `start` to before `stop`."""
    if factor == 1:
        return seen
    low, high = start // factor, -(-stop // factor)
    first, weights = _phases(length, factor)
    shape = (-1, 1) if axis == 2 else (-1,)
    phases = []
    for phase, before in enumerate(first):
        taps = [seen.narrow(axis, before + tap, high - low) for tap in range(TAPS)]
        of_taps = [weights[tap, phase, low:high].view(shape) for tap in range(TAPS)]
        total = taps[0] * of_taps[0]
        for tap, weight in zip(taps[1:], of_taps[1:], strict=True):
            out = None if total.requires_grad else total
            total = torch.addcmul(total, tap, weight, out=out)
        phases.append(total)
    enlarged = torch.stack(phases, dim=axis + 1).flatten(axis, axis + 1)
    return enlarged.narrow(axis, start - low * factor, stop - start)


def _seen(images: Tensor, axis: int, pixels: tuple[int, int]) -> Tensor:
    """Input pixels from the first to before the last; beyond the border it repeats."""
    (low, high), length = pixels, images.shape[axis]
    inside = images.narrow(axis, max(0, low), min(length, high) - max(0, low))
    before, after = max(0, -low), max(0, high - length)
    if not before and not after:
        return inside
    first, last = images.narrow(axis, 0, 1), images.narrow(axis, length - 1, 1)
    return torch.cat([*[first] * before, inside, *[last] * after], dim=axis)


@lru_cache(maxsize=64)
def _phases(length: int, factor: int) -> tuple[tuple[int, ...], Float[Tensor, "4 factor length"]]:
    """Where each phase begins to read, with two pixels before, and the weights of its taps."""
    step = torch.tensor(1 / factor, dtype=torch.float32).double()
    out = torch.arange(length * factor, dtype=torch.float64)
    # rounded once, as by a fused multiply-add
    at = (step * (out + 0.5) - 0.5).float().view(length, factor).T
    # the same taps for a whole phase, also where rounding puts one just below a pixel
    first = tuple(0 if phase + 0.5 < factor / 2 else 1 for phase in range(factor))
    beyond = at - torch.arange(length) - (torch.tensor(first)[:, None] - 1)
    near, far = (beyond, 1 - beyond), (beyond + 1, 2 - beyond)
    weights = [_far(far[0]), _near(near[0]), _near(near[1]), _far(far[1])]
    return first, torch.stack(weights)


def _near(pixels: Tensor) -> Tensor:
    """Keys' kernel up to 1 pixel away."""
    x = pixels.double()
    return (((A + 2) * x - (A + 3)) * x * x + 1).float()


def _far(pixels: Tensor) -> Tensor:
    """Keys' kernel from 1 to 2 pixels away."""
    x = pixels.double()
    return ((((x - 5) * x + 8) * x - 4) * A).float()
