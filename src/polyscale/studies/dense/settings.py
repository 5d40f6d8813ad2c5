"""What is chosen about a comparison of dense predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from polyscale.errors import InputError, near_matches, require
from polyscale.heads.dense import DEPTH_HEADS, SEGMENTATION_HEADS, HeadKind, TrainSettings
from polyscale.heads.dense.augment import AugmentSettings
from polyscale.heads.dense.views import ViewSettings
from polyscale.multiscale import MultiScale
from polyscale.multiscale.fuse import Merge
from polyscale.studies.run_settings import RunSettings
from polyscale.types import HW, Backbone

Task = Literal["segmentation", "depth"]

HEADS: Mapping[str, Mapping[str, HeadKind]] = {
    "segmentation": SEGMENTATION_HEADS,
    "depth": DEPTH_HEADS,
}

GIGABYTE = 10**9

KINDS = {
    "head_options": Mapping,
    "views": ViewSettings,
    "split": bool,
    "seeds": int,
    "label_px": int,
    "memory_bytes": int,
}
"""Settings that must be of a type, whose mistakes would be found only after hours."""


@dataclass(frozen=True, kw_only=True)
class DenseSettings(RunSettings):
    """What a comparison of segmentation or depth depends on besides the data and the candidates.

    Attributes:
        task: "segmentation" or "depth".
        head: name of the head that is trained on each candidate's maps.
        head_options: arguments of its own, by name.
        training: how it is trained; None takes what the head brings.
        grid: cells of the fused map: those of the model's own tile ("base", the paper's), those of
            the candidate's largest scale ("largest"), or any (height, width).
        merge: how scales are put together: side by side ("concat", the paper's), or summed or
            averaged, the controls of Table 12.
        split: False runs each scale as one large tile, the control of Table 11.
        views: how an image is cut for the model in training and test, and whether its mirror image
            is seen at test.
        augment: how training images are altered; None trains on features that are kept. With it,
            backbones run anew on every batch.
        seeds: trainings of each head, each with a seed of its own. The first one is judged in full;
            the others tell how far another training would come out.
        held_out: share of the training images that heads don't learn from: they choose among
            candidates.
        label_px: longer side of the raster on which heads learn; test images are judged at their
            own size.
        memory_bytes: what kept features may take in memory while heads learn; more are read from
            the disk batch by batch, with the same result.
    """

    task: Task = "segmentation"
    head: str = "linear"
    head_options: Mapping[str, Any] = field(default_factory=dict)
    training: TrainSettings | None = None
    grid: Literal["base", "largest"] | HW = "base"
    merge: Merge = "concat"
    split: bool = True
    views: ViewSettings = field(default_factory=ViewSettings)
    augment: AugmentSettings | None = None
    seeds: int = 1
    held_out: float = 0.125
    label_px: int = 128
    memory_bytes: int = 4 * GIGABYTE

    def __post_init__(self) -> None:
        if self.task not in get_args(Task):
            raise InputError(f"task must be segmentation or depth, but got {self.task!r}.")
        kinds = HEADS[self.task]
        if self.head not in tuple(kinds):
            raise InputError(
                f"head must be one of {', '.join(kinds)} for {self.task}, but got {self.head!r}."
                f"{near_matches(str(self.head), kinds)}"
            )
        for name, kind in KINDS.items():
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise InputError(f"{name} must be {kind.__name__}, but got {value!r}.")
        for name, kind in (("training", TrainSettings), ("augment", AugmentSettings)):
            value = getattr(self, name)
            if value is not None and not isinstance(value, kind):
                raise InputError(f"{name} must be {kind.__name__} or None, but got {value!r}.")
        if kinds[self.head].training is None and (self.training or self.augment):
            raise InputError(
                f"head {self.head} is fitted in one go, so it takes no steps and no augmentation. "
                "Leave them out, or choose another head."
            )
        if not (isinstance(self.held_out, float) and 0 < self.held_out <= 0.5):
            raise InputError(
                f"held_out must be above 0 and at most 0.5, but got {self.held_out!r}."
            )
        if not 1 <= self.seeds <= 100:
            raise InputError(f"seeds must be from 1 to 100, but got {self.seeds}.")
        if self.label_px < 8:
            raise InputError(f"label_px must be at least 8, but got {self.label_px}.")
        if self.memory_bytes < 1:
            raise InputError(f"memory_bytes must be at least 1, but got {self.memory_bytes}.")
        for package in kinds[self.head].packages:
            require(package, extra="transformers", feature=f"head {self.head}")
        super().__post_init__()

    @property
    def kind(self) -> HeadKind:
        """The head."""
        return HEADS[self.task][self.head]

    @property
    def metric(self) -> str:
        """What candidates are judged by, as a key of `METRICS`."""
        return "miou" if self.task == "segmentation" else "rmse"

    def module(
        self, backbone: Backbone, scales: Sequence[float], *, merge: Merge | None = None
    ) -> MultiScale:
        """The operator with these settings; another `merge` where it is given."""
        return self.operator(
            backbone,
            scales,
            output_grid=self.grid,
            merge=merge or self.merge,
            split=self.split,
            prefix="none",
        )
