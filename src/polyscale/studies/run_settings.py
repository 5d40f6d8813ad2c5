"""What every comparison chooses, whatever is compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from polyscale.errors import InputError
from polyscale.multiscale import (
    MultiScale,
    Precision,
    check_device,
    check_precision,
    fastest_precision,
)
from polyscale.stats import MARGIN
from polyscale.types import SOURCES, Backbone, Source


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """How backbones run, and how candidates are compared.

    Attributes:
        source: what larger scales are resized from: the image at the model's own size ("base") or
            the original picture ("native").
        dtype: what backbones compute in; "auto" is bf16 where the machine multiplies it natively.
        tile_batch: tiles that go through a backbone at once; "auto" is what fits the memory.
        seed: of splits, folds and resampling.
        device: where backbones run, for example "cuda".
        margin: of the metric, in its unit; a smaller difference counts as none.
    """

    source: Source = "native"
    dtype: Precision | Literal["auto"] = "auto"
    tile_batch: int | Literal["auto"] = "auto"
    seed: int = 0
    device: str = "cpu"
    margin: float = MARGIN

    def __post_init__(self) -> None:
        if self.source not in SOURCES:
            raise InputError(f"source must be 'base' or 'native', but got {self.source!r}.")
        if self.tile_batch != "auto" and (
            not isinstance(self.tile_batch, int) or self.tile_batch < 1
        ):
            raise InputError(f"tile_batch must be auto or at least 1, but got {self.tile_batch}.")
        if self.dtype != "auto":
            check_precision(self.dtype)
        if not (isinstance(self.seed, int) and 0 <= self.seed < 2**32):
            raise InputError(f"seed must be an int between 0 and 2³² - 1, but got {self.seed!r}.")
        if not (isinstance(self.margin, float) and 0 < self.margin < 1):
            raise InputError(
                f"margin must be between 0 and 1, but got {self.margin!r}. "
                "0.01 is one percentage point, or a centimetre."
            )
        check_device(self.device)

    @property
    def precision(self) -> Precision:
        """`dtype`, with "auto" decided on this machine."""
        return fastest_precision(torch.device(self.device)) if self.dtype == "auto" else self.dtype

    def operator(self, backbone: Backbone, scales: Sequence[float], **options: Any) -> MultiScale:
        """The operator with these settings, and options of `MultiScaleConfig` besides."""
        return MultiScale(
            backbone,
            scales,
            source=self.source,
            tile_batch=self.tile_batch,
            dtype=self.precision,
            **options,
        )
