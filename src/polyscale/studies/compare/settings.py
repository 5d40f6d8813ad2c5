"""What is chosen about a comparison of classifiers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from polyscale.errors import InputError
from polyscale.features import Feature
from polyscale.heads import Protocol
from polyscale.multiscale import MultiScale
from polyscale.studies.run_settings import RunSettings
from polyscale.types import Backbone


@dataclass(frozen=True, kw_only=True)
class CompareSettings(RunSettings):
    """What a comparison depends on besides the data and the candidates.

    Attributes:
        task: "classification".
        protocol: of the probe: "fast" converges, "paper" trains as the paper does.
        feature: what the probe sees of each scale: the class token, the mean cell, or both.
        probes: whether other probes look at the same features: neighbours, few shots, seeds.
        controls: whether what S² does is taken apart, which runs models on large images.
    """

    task: str = "classification"
    protocol: Protocol = "fast"
    feature: Feature = "both"
    probes: bool = False
    controls: bool = False

    def __post_init__(self) -> None:
        if self.task != "classification":
            raise InputError(
                f"task must be 'classification', but got {self.task!r}. "
                "Segmentation and depth take DenseSettings."
            )
        for name, choices in (("protocol", get_args(Protocol)), ("feature", get_args(Feature))):
            if getattr(self, name) not in choices:
                options = " or ".join(map(repr, choices))
                raise InputError(f"{name} must be {options}, but got {getattr(self, name)!r}.")
        super().__post_init__()

    def module(
        self, backbone: Backbone, scales: Sequence[float], *, split: bool = True
    ) -> MultiScale:
        """The operator with these settings; without `split`, each scale is one large tile."""
        return self.operator(backbone, scales, split=split)
