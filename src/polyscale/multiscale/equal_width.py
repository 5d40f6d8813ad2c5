"""The control of equal width: multi-scale features cut to as many channels as one scale has.

S² doubles or triples the width of the features, which alone helps a linear head. Projected onto
their principal axes, fitted on training images, S² and the plain model meet at the same width.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from polyscale.errors import InputError
from polyscale.multiscale.features import MultiScaleFeatures
from polyscale.multiscale.precision import no_autocast


@dataclass(frozen=True)
class EqualWidth:
    """A projection of tokens onto principal axes.

    Attributes:
        mean: of the cells it was fitted on.
        axes: orthonormal columns, the one of the largest variance first.
        explained: share of the variance that the axes keep, 0 to 1.
    """

    mean: Float[Tensor, " channels"]
    axes: Float[Tensor, "channels width"]
    explained: float

    def __call__(self, features: MultiScaleFeatures) -> MultiScaleFeatures:
        """The same features, `width` channels wide and no longer split by scale."""
        tokens = features.tokens
        if tokens.shape[-1] != len(self.mean):
            raise InputError(
                f"features must have {len(self.mean)} channels, as those that were fitted on, but "
                f"have {tokens.shape[-1]}. Use the same backbone and scales."
            )
        with no_autocast(tokens.device):
            centred = tokens.to(torch.float32) - self.mean.to(tokens.device)
            projected = (centred @ self.axes.to(tokens.device)).to(tokens.dtype)
        return replace(features, tokens=projected, dim=self.axes.shape[1])


def fit_equal_width(
    batches: Iterable[MultiScaleFeatures], *, width: int | None = None
) -> EqualWidth:
    """Fit the principal axes of the cells, in one pass.

    Args:
        batches: features of training images; prefix tokens are not looked at.
        width: channels to keep; None for those of one scale.

    Raises:
        InputError: if there are fewer cells than channels to keep, or fewer channels.
    """
    num, total, products = 0, torch.zeros(0), torch.zeros(0)
    for batch in batches:
        cells = batch.tokens[:, batch.num_prefix :].flatten(0, 1).to("cpu", torch.float64)
        width = width or batch.dim
        if not num:
            channels = cells.shape[1]
            total = torch.zeros(channels, dtype=torch.float64)
            products = torch.zeros(channels, channels, dtype=torch.float64)
        num += len(cells)
        total += cells.sum(0)
        products += cells.T @ cells
    if not width or not width <= min(num, len(total)):
        raise InputError(
            f"width must be at most the {len(total)} channels and the {num} cells that are fitted "
            f"on, but got {width}. Give more images, or a smaller width."
        )
    mean = total / num
    variances, axes = torch.linalg.eigh(products / num - torch.outer(mean, mean))
    kept = axes.flip(1)[:, :width]
    # an eigenvector has no sign of its own: the largest entry is made positive
    signs = kept.gather(0, kept.abs().argmax(0, keepdim=True)).sign()
    explained = float(variances.flip(0)[:width].sum() / variances.sum().clamp_min(1e-300))
    return EqualWidth(mean.float(), (kept * signs).float(), explained)
