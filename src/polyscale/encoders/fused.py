"""`Fused`: a `MultiScale` as part of a model that is trained."""

from torch import Tensor, nn

from polyscale.errors import InputError
from polyscale.multiscale import MultiScale, MultiScaleFeatures
from polyscale.plan import check_flag
from polyscale.types import Backbone


class Fused(nn.Module):
    """Features of a batch; in evaluation mode for as long as none of its parameters learns.

    A training loop calls `model.train()`, which would otherwise move the statistics of batch norms
    in a frozen backbone and drop units there.

    Args:
        multiscale: or a backbone, which is taken at scale 1.
        frozen: whether its parameters are frozen here, in place. False leaves them as they are.

    Raises:
        InputError: if it is neither.
    """

    def __init__(self, multiscale: MultiScale | Backbone, *, frozen: bool) -> None:
        super().__init__()
        check_flag("frozen", frozen)
        if not isinstance(multiscale, MultiScale):
            if not isinstance(multiscale, Backbone):
                raise InputError(
                    "multiscale must be a MultiScale or a Backbone, but got "
                    f"{type(multiscale).__name__}. Make one with polyscale.wrap."
                )
            multiscale = MultiScale(multiscale, scales=(1,))
        self.multiscale = multiscale
        if frozen:
            self.requires_grad_(False)
        self.train(self.training)

    @property
    def channels(self) -> int:
        """Of the fused map."""
        scales = len(self.multiscale.scales)
        return self.multiscale.backbone.dim * (
            scales if self.multiscale.config.merge == "concat" else 1
        )

    def train(self, mode: bool = True) -> "Fused":
        """Training mode, if there is anything to train."""
        return super().train(mode and any(p.requires_grad for p in self.parameters()))

    def forward(self, images: Tensor) -> MultiScaleFeatures:
        """As `MultiScale`."""
        return self.multiscale(images)
