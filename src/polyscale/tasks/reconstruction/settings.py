"""Options of a reconstruction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from polyscale.features import MapSource
from polyscale.operator.multiscale import MultiScale
from polyscale.tasks.reconstruction.maps import ScaleMaps
from polyscale.tasks.settings import RunSettings
from polyscale.types import Backbone


@dataclass(frozen=True, kw_only=True)
class ReconstructionSettings(RunSettings):
    """What a reconstruction depends on besides its models and images.

    `margin` is in bits: 0.01 bits are 0.7 % of the loss.
    """

    features: ClassVar[Literal["pooled", "maps"]] = "maps"

    def module(self, backbone: Backbone, scales: Sequence[float], **options: Any) -> MultiScale:
        """The operator on the grid of one tile, as the paper has it, and without prefix tokens."""
        return super().module(
            backbone, scales, **{"output_grid": "base", "prefix": "none", **options}
        )

    def join(
        self, features: Mapping[float, MapSource], module: MultiScale, *, for_training: bool = False
    ) -> ScaleMaps:
        """The maps of the candidate's scales; those of others come along, see `Tokens.moments`."""
        return ScaleMaps(features, module.scales)
