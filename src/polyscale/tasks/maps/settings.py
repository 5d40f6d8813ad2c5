"""Options of tasks with a target for every pixel."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar, Literal, get_args

import torch
from typing_extensions import Self

from polyscale.errors import InputError, first_line, near_matches, require
from polyscale.features import JoinedMaps, MapSource, RegriddedMaps, SummedMaps, parse_bytes
from polyscale.learning.heads.dense import HeadKind, TrainSettings
from polyscale.learning.heads.dense.augment import AugmentSettings
from polyscale.learning.heads.dense.views import ViewSettings, Windows
from polyscale.operator.multiscale import MultiScale
from polyscale.operator.multiscale.fuse import Merge
from polyscale.tasks.options import KEY, Option, option
from polyscale.tasks.settings import DrawnSettings, RunSettings, seeds_option
from polyscale.types import HW, Backbone

GIGABYTE = 10**9

Grid = Literal["auto", "base", "largest"] | HW

GRIDS = ("auto", "base", "largest")
"""Grids by name."""

KINDS = {
    "head_options": (Mapping, False),
    "training": (TrainSettings, True),
    "views": (ViewSettings, False),
    "split": (bool, False),
    "augment": (AugmentSettings, True),
    "seeds": (int, False),
    "label_px": (int, False),
    "memory_bytes": (int, False),
}
"""Settings that must be of a type, or None; a mistake would otherwise show only after hours."""

DEFAULT_CROP_HW = (512, 512)
"""Of augmented training images, in pixels, as the paper's heads are trained."""


VIEW_OPTIONS = (
    Option(
        name="windows",
        help="How an image is cut: whole (squashed to the shape of a tile) or slide (overlapping "
        "squares along the longer side).",
        default="whole",
        choices=lambda kind: get_args(Windows),
        write=lambda settings: settings.views.windows,
        change=lambda settings, windows: settings.with_views(windows=windows),
    ),
    Option(
        name="flip",
        help="Also predict mirrored test images, at twice the cost.",
        value_type=bool,
        write=lambda settings: settings.views.flip,
        change=lambda settings, flip: settings.with_views(flip=flip),
    ),
)
"""Both set parts of `views`."""


def parse_grid(text: str) -> str | HW:
    """`auto`, `base`, `largest`, or `32x32` → the grid; anything else is an InputError."""
    if text in GRIDS:
        return text
    parts = text.lower().replace("×", "x").split("x")
    if len(parts) == 2 and all(p.isascii() and p.isdigit() and int(p) > 0 for p in parts):
        return int(parts[0]), int(parts[1])
    raise InputError(f"grid must be {', '.join(GRIDS)} or HEIGHTxWIDTH in cells, but got {text!r}.")


def write_grid(grid: str | HW) -> str:
    """What `parse_grid` reads."""
    return grid if isinstance(grid, str) else f"{grid[0]}x{grid[1]}"


@dataclass(frozen=True, kw_only=True)
class MapSettings(DrawnSettings):
    """What such a comparison depends on besides the data and the candidates.

    The help of each option says what it means. Fields without an option, and more:

    Attributes:
        head_options: arguments of the head, by name.
        training: how the head is trained; None fits it in one go where it can be, and otherwise
            takes what the head brings.
        grid: "base" is the paper's. "auto" is "base" where images are altered at every step.
        merge: whether scales are put side by side ("concat", the paper's), or summed or averaged,
            the controls of Table 12.
        split: False runs each scale as one large tile, the control of Table 11.
        views: how an image is cut in training and test, and whether test images are also mirrored.
        augment: how training images are altered; None trains on features that are kept.
        seeds: the first training is judged in full; the others show how far results spread.
        held_out: share of the training images that heads don't learn from: they choose among
            candidates.
        label_px: longer side of the raster on which heads learn; test images are judged at their
            own size.
        memory_bytes: more features are read from the disk batch by batch, with the same result.
    """

    kept_with_heads: ClassVar[tuple[str, ...]] = (
        *RunSettings.kept_with_heads,
        *("grid", "merge", "split", "views"),
    )
    features: ClassVar[Literal["pooled", "maps"]] = "maps"
    heads: ClassVar[Mapping[str, HeadKind]]
    """Every head of the task, by its name."""
    default_augment: ClassVar[AugmentSettings]
    """How training images are altered where a user asks for it without saying how."""

    head: str = option("linear", help="Head to train.", choices=lambda kind: kind.heads)
    head_options: Mapping[str, Any] = field(default_factory=dict)
    training: TrainSettings | None = option(
        None,
        name="steps",
        help="Number of training steps of each head.",
        value_type=int,
        shown="the head's own",
        write=lambda settings: settings.training and settings.training.steps,
        change=lambda settings, steps: settings.with_steps(steps),
    )
    grid: Grid = option(
        "auto",
        help="Grid of the map that the head gets: auto (of the grids that the candidate's scales "
        "have, the best for a linear head on held-out training images), base (that of one tile), "
        "largest (that of the largest scale) or HEIGHTxWIDTH in cells.",
        parse=parse_grid,
        write=lambda settings: write_grid(settings.grid),
    )
    merge: Merge = "concat"
    split: bool = True
    views: ViewSettings = field(default_factory=ViewSettings, metadata={KEY: VIEW_OPTIONS})
    augment: AugmentSettings | None = option(
        None,
        help="Train on augmented images, which run through the backbone again at every step.",
        value_type=bool,
        write=lambda settings: settings.augment is not None,
        change=lambda settings, given: replace(settings, augment=settings.default_augment),
    )
    seeds: int = seeds_option()
    held_out: float = 0.125
    label_px: int = 128
    memory_bytes: int = option(
        4 * GIGABYTE,
        name="memory",
        help="Memory for feature maps while heads train.",
        shown="4GB",
        parse=partial(parse_bytes, name="--memory"),
    )

    def __post_init__(self) -> None:
        if self.head not in tuple(self.heads):
            raise InputError(
                f"head must be one of {', '.join(self.heads)}, but got {self.head!r}."
                f"{near_matches(str(self.head), self.heads)}"
            )
        for name, (kind, optional) in KINDS.items():
            value = getattr(self, name)
            if not (isinstance(value, kind) or (optional and value is None)):
                rule = f"{kind.__name__} or None" if optional else kind.__name__
                raise InputError(f"{name} must be {rule}, but got {value!r}.")
        if self.kind.training is None and (self.training or self.augment):
            raise InputError(
                f"head {self.head} is fitted in one go, so it takes no steps and no augmentation. "
                "Leave them out, or choose another head."
            )
        if self.repeats and self.augment:
            raise InputError(
                f"repeats must be 0 where images are altered at every step, but got {self.repeats}:"
                " the maps of training images are not kept. Leave augment out, or give seeds, "
                "which repeat the training alone."
            )
        if not (isinstance(self.held_out, float) and 0 < self.held_out <= 0.5):
            raise InputError(
                f"held_out must be above 0 and at most 0.5, but got {self.held_out!r}."
            )
        if not 1 <= self.seeds <= 100:
            raise InputError(f"seeds must be from 1 to 100, but got {self.seeds}.")
        for name, least in (("label_px", 8), ("memory_bytes", 1)):
            if getattr(self, name) < least:
                raise InputError(f"{name} must be at least {least}, but got {getattr(self, name)}.")
        for package in self.kind.packages:
            require(package, extra="transformers", feature=f"head {self.head}")
        super().__post_init__()

    @classmethod
    def of_head(cls, facts: Mapping[str, Any], **others: Any) -> Self:
        """The settings by which maps for a head are made."""
        grid = facts["grid"] if isinstance(facts["grid"], str) else tuple(facts["grid"])
        changed = {"grid": grid, "views": ViewSettings(**facts["views"])}
        return super().of_head({**facts, **changed}, **others)

    @property
    def kind(self) -> HeadKind:
        """The head."""
        return self.heads[self.head]

    @property
    def is_fitted(self) -> bool:
        """Whether the head is fitted in one go, not trained step by step."""
        return self.kind.fit is not None and not (self.training or self.augment)

    @property
    def chooses_grid(self) -> bool:
        """Whether the grid is chosen among several, for which maps must be kept."""
        return self.grid == "auto" and self.augment is None

    @property
    def output_grid(self) -> Literal["base", "largest"] | HW:
        """Of the operator; where the grid is chosen, the finest there is."""
        if self.grid != "auto":
            return self.grid
        return "largest" if self.chooses_grid else "base"

    def for_draw(self, seed: int) -> Self:
        """The settings of one repeat, which trains each head once."""
        return replace(super().for_draw(seed), seeds=1)

    def with_views(self, **changes: Any) -> Self:
        """The same with other fields of `views`."""
        return replace(self, views=replace(self.views, **changes))

    def with_steps(self, steps: int) -> Self:
        """The same with another number of training steps; at most a tenth are warm-up."""
        training = self.training or self.kind.training
        if training is None:
            raise InputError(
                f"steps must not be given for head {self.head}, which is fitted in one go. "
                "Leave it out."
            )
        return replace(self, training=training.with_steps(steps))

    def module(self, backbone: Backbone, scales: Sequence[float], **options: Any) -> MultiScale:
        """The operator with these settings, and further options of `MultiScaleConfig`."""
        defaults = {"output_grid": self.output_grid, "merge": self.merge, "split": self.split}
        return super().module(backbone, scales, **{**defaults, "prefix": "none", **options})

    def extraction_modules(
        self, backbone: Backbone, scales: Sequence[float]
    ) -> tuple[MultiScale, ...]:
        """One for all scales on a common grid, so that images are decoded once; else one each."""
        groups = [(s,) for s in scales] if self.output_grid == "largest" else [tuple(scales)]
        return tuple(self.module(backbone, group, merge="concat") for group in groups)

    def join(
        self, features: Mapping[float, MapSource], module: MultiScale, *, for_training: bool = False
    ) -> JoinedMaps:
        """The maps of the candidate's scales put together as it does, on its output grid."""
        grid_hw = module.plan.grid_hw
        chosen: list[MapSource] = [
            maps if maps.shape[1:3] == grid_hw else RegriddedMaps(maps, grid_hw)
            for maps in (features[scale] for scale in module.scales)
        ]
        if module.config.merge != "concat":
            chosen = [SummedMaps(chosen, mean=module.config.merge == "mean")]
        return JoinedMaps(chosen, memory_bytes=self.memory_bytes if for_training else 0)

    def check_head(self, in_channels: int, arguments: Mapping[str, Any]) -> None:
        """Make the head once, before hours go into its features.

        Raises:
            InputError: if an option is not known, breaks a rule, or cannot be kept as JSON.
        """
        options = self.head_options
        try:
            json.dumps(dict(options), allow_nan=False)
            if self.is_fitted:
                assert self.kind.fit is not None
                self.kind.fit(**options)
                return
            with torch.random.fork_rng([]):
                self.kind.make(in_channels=in_channels, **arguments, **options)
        except InputError:
            raise
        except (TypeError, ValueError, RuntimeError) as error:
            raise InputError(
                f"head_options must be options of head {self.head}, but got {dict(options)} "
                f"({first_line(error)}). Correct them, or leave them out."
            ) from error
