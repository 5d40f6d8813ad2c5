"""Images, and another model's features of them, which are to be reconstructed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from polyscale.data import DataSet
from polyscale.features import MapSource
from polyscale.operator.multiscale import MultiScale
from polyscale.tasks.reconstruction.scores import ConstantLoss
from polyscale.types import HW, Candidate


@dataclass(frozen=True, kw_only=True, eq=False)
class Target:
    """The model whose features are reconstructed.

    Attributes:
        candidate: its name and scales.
        module: the operator that computes its features.
        weights: `weights_hash` of its backbone.
    """

    candidate: Candidate
    module: MultiScale
    weights: str

    @property
    def dim(self) -> int:
        """Channels of its features."""
        return self.module.out_channels

    @property
    def grid_hw(self) -> HW:
        """Cells of its maps, to which all candidates are brought."""
        return self.module.plan.grid_hw


@dataclass(frozen=True, kw_only=True)
class ReconstructionData(DataSet[Any]):
    """The images of any data set, whose targets there do not matter, with the target's maps.

    Attributes:
        target: the model that is reconstructed.
        upper: the candidate that is the upper bound; None where there is none.
        warnings: what a user must know of the choice of models, as sentences.
        train_maps: the target's maps of the training images; None until they are computed.
        test_maps: likewise of the test images.
        constants: split → the loss of its best constant; empty until maps are computed.
    """

    target: Target
    upper: str | None = None
    warnings: tuple[str, ...] = ()
    train_maps: MapSource | None = None
    test_maps: MapSource | None = None
    constants: Mapping[str, ConstantLoss] = field(default_factory=dict)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should be warned about, as sentences."""
        return (*super().notes, *self.warnings)
