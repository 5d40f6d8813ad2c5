"""What depth heads bring down: the scale-invariant error of log depth."""

import torch
from jaxtyping import Float
from torch import Tensor

LAMBDA = 0.5
"""How much of a common factor's cost is forgiven: none at 0, all at 1."""

TINY = 1e-12
"""Below this the square root is flat, or its gradient at no error would be infinite."""


def silog_loss(
    predicted_m: Float[Tensor, "batch h w"],
    depth_m: Float[Tensor, "batch h w"],
    *,
    min_m: float,
    max_m: float,
    forgiven: float = LAMBDA,
) -> Float[Tensor, ""]:
    """√(mean(d²) - λ · mean(d)²), with d = ln predicted - ln true over an image's valid pixels.

    The mean is over the images that have any valid pixel; 0, with gradients of 0, where none has.
    Per image, as in mmsegmentation's configuration of VPD, which the paper trains by. (Eigen et
    al., "Depth map prediction from a single image", NeurIPS 2014, section 3.2, and its root.) The
    metric of the same name differs: it has λ = 1 and is 100 times as large.

    Args:
        predicted_m: above 0.
        depth_m: the truth; pixels that are NaN, nearer than `min_m` or farther than `max_m` count
            for nothing.
        min_m: above 0.
        max_m: above `min_m`.
        forgiven: λ.
    """
    valid = (depth_m >= min_m) & (depth_m <= max_m)  # False for NaN
    # the truth is filled before the logarithm: a NaN times 0 would be NaN
    truth = torch.where(valid, depth_m, torch.ones_like(depth_m)).float()
    d = torch.where(valid, predicted_m.float().log() - truth.log(), 0.0).flatten(1)
    num = valid.flatten(1).sum(dim=1).clamp(min=1)
    mean = d.sum(dim=1) / num
    centred = torch.where(valid.flatten(1), d - mean[:, None], 0.0)
    # mean(d²) - λ mean(d)² without the loss of digits
    squared = centred.square().sum(dim=1) / num + (1 - forgiven) * mean.square()
    judged = valid.flatten(1).any(dim=1)
    losses = torch.where(judged, squared.clamp(min=TINY).sqrt(), 0.0 * squared)
    return losses.sum() / judged.sum().clamp(min=1)
