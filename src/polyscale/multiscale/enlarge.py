"""Bicubic enlargement by whole factors, several times faster than torch's kernel.

Enlarged by 3, every third output pixel lies at the same place between input pixels. So each of the
3 phases is a sum of four shifted copies of the input, which is read and written in order. The
weights are torch's, with its rounding of coordinates in float32, so the values are torch's too.
"""

from functools import lru_cache

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

A = -0.75
"""Of Keys' cubic convolution, as torch has it."""


def enlarge(
    images: Float[Tensor, "batch 3 h w"], factors: tuple[int, int]
) -> Float[Tensor, "batch 3 factor*h factor*w"]:
    """As `torch.nn.functional.interpolate(…, mode="bicubic")`, within rounding.

    Args:
        images: float32, on a CPU; any value range.
        factors: of height and width, whole numbers.
    """
    # image by image, which fits the processor's cache
    return torch.stack([_rows(_columns(image, factors[1]), factors[0]) for image in images])


def _columns(image: Float[Tensor, "3 h w"], factor: int) -> Float[Tensor, "3 h factor*w"]:
    if factor == 1:
        return image
    width = image.shape[2]
    padded = F.pad(image, (2, 2), mode="replicate")
    first, weights = _phases(width, factor)
    phases = [
        _sum_of(
            [padded[..., start + tap : start + tap + width] for tap in range(4)], weights[:, phase]
        )
        for phase, start in enumerate(first)
    ]
    return torch.stack(phases, dim=-1).flatten(-2)


def _rows(image: Float[Tensor, "3 h w"], factor: int) -> Float[Tensor, "3 factor*h w"]:
    if factor == 1:
        return image
    height = image.shape[1]
    padded = F.pad(image, (0, 0, 2, 2), mode="replicate")
    first, weights = _phases(height, factor)
    phases = [
        _sum_of(
            [padded[:, start + tap : start + tap + height] for tap in range(4)],
            weights[:, phase, :, None],
        )
        for phase, start in enumerate(first)
    ]
    return torch.stack(phases, dim=2).flatten(1, 2)


def _sum_of(taps: list[Tensor], weights: Tensor) -> Tensor:
    """Weighted sum of shifted copies."""
    total = taps[0] * weights[0]
    for tap, weight in zip(taps[1:], weights[1:], strict=True):
        total = total.addcmul(tap, weight) if total.requires_grad else total.addcmul_(tap, weight)
    return total


@lru_cache(maxsize=64)
def _phases(length: int, factor: int) -> tuple[tuple[int, ...], Float[Tensor, "4 factor length"]]:
    """Where each phase begins to read, padded by 2, and the weights of its four taps."""
    step = torch.tensor(1 / factor, dtype=torch.float32).double()
    out = torch.arange(length * factor, dtype=torch.float64)
    # rounded once, as by a fused multiply-add
    at = (step * (out + 0.5) - 0.5).float().view(length, factor).T
    # the same tap for a whole phase, also where rounding puts one coordinate just below a pixel
    first = tuple(-1 if phase + 0.5 < factor / 2 else 0 for phase in range(factor))
    beyond = at - torch.arange(length) - torch.tensor(first)[:, None]
    weights = [_near(beyond + 1, far=True), _near(beyond), _near(1 - beyond)]
    weights.append(_near(2 - beyond, far=True))
    return tuple(start + 1 for start in first), torch.stack(weights)


def _near(distance: Tensor, *, far: bool = False) -> Tensor:
    """Keys' kernel: between 0 and 1 pixel away, or between 1 and 2."""
    x = distance.double()
    if far:
        return (((x - 5) * x + 8) * x - 4).mul(A).float()
    return (((A + 2) * x - (A + 3)) * x * x + 1).float()
