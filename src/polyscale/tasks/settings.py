"""What a comparison depends on besides its data and candidates. Each task adds its own options."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from typing_extensions import Self

from polyscale.checks import check_choice, check_integers
from polyscale.errors import InputError
from polyscale.features import Feature, pooled_columns
from polyscale.learning.heads.dense import HeadKind
from polyscale.learning.heads.head_file import POOLED_HEADS
from polyscale.operator.multiscale import (
    MultiScale,
    Precision,
    check_device,
    fastest_precision,
)
from polyscale.stats import MARGIN
from polyscale.tasks.options import option
from polyscale.types import SOURCES, Backbone, Source, short_repr

Rows = NDArray[np.float32]

FEATURE_WORDS: dict[Feature, str] = {
    "both": "the class token where there is one, then the mean of the map",
    "cls": "the class token",
    "mean": "the mean of the map",
}


MAX_REPEATS = 1000


def parse_tile_batch(text: str) -> int | Literal["auto"]:
    """`auto`, or a number of tiles; anything else is an InputError."""
    if text == "auto":
        return "auto"
    try:
        return int(text)
    except ValueError:
        raise InputError(f"tile_batch must be auto or a number, but got {text!r}.") from None


def seeds_option() -> Any:
    """The option `seeds` of every task whose trainings depend on chance."""
    return option(
        1,
        help="Number of times that each candidate is trained, to measure the spread. All trainings "
        "of task picking are judged in full; of other tasks, the first.",
    )


@dataclass(frozen=True, kw_only=True)
class RunSettings(ABC):
    """How backbones run, and how candidates are compared: the options of every task.

    The help of each option says what it means.
    """

    kept_with_heads: ClassVar[tuple[str, ...]] = ("source", "margin", "seed")
    """Fields that the file of a head keeps; `of_head` reads them."""

    heads: ClassVar[Mapping[str, HeadKind]] = POOLED_HEADS
    """Name → a head that a run may keep as a file."""

    features: ClassVar[Literal["pooled", "maps"]]
    """What is extracted of each image: one row of numbers, or a map."""

    source: Source = option(
        "native",
        help="What larger scales are resized from: native (the original picture) or base (the "
        "picture at the model's own size, so that they show no additional detail).",
    )
    dtype: Precision | Literal["auto"] = option(
        "auto", help="Precision: fp32, bf16, fp16, or auto (bf16 if the hardware supports it)."
    )
    tile_batch: int | Literal["auto"] = option(
        "auto",
        help="Tiles per forward pass: a number, or auto (as many as fit in memory).",
        parse=parse_tile_batch,
    )
    seed: int = option(0, help="Random seed of splits, folds and resampling.")
    device: str = option(
        "auto",
        help="Where models run: cpu, cuda, or auto (cuda if there is such a device).",
    )
    metric: str | None = option(
        None,
        value_type=str,
        shown="the task's first",
        help="What candidates are judged by: one of the metrics that are listed below for the "
        "task. The others are shown beside it.",
    )
    margin: float = option(
        MARGIN,
        help="Smaller differences count as no difference. 0.01 is one percentage point of "
        "accuracy, mean IoU or success rate, and one centimetre of RMSE.",
    )

    floors: bool = option(
        True,
        help="Leave out the floors: what can be answered without a vision model, which candidates "
        "must beat.",
    )
    costs: bool = option(
        True,
        help="Do not measure time and memory, which takes up to a tenth of a run. Parameters and "
        "multiply-adds are counted all the same.",
    )

    def __post_init__(self) -> None:
        check_choice("source", self.source, SOURCES)
        check_integers(self, "tile_batch", word="auto")
        check_choice("dtype", self.dtype, ("auto", *get_args(Precision)))
        check_integers(self, "seed", least=0, most=2**32 - 1)
        if not (isinstance(self.margin, float) and 0 < self.margin < 1):
            raise InputError(
                f"margin must be between 0 and 1, but got {self.margin!r}. "
                "0.01 is one percentage point, or a centimetre."
            )
        # "auto" is decided once, so that results say where models ran
        object.__setattr__(self, "device", str(check_device(self.device)))

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.__repr__ = short_repr  # type: ignore[method-assign]

    @property
    def precision(self) -> Precision:
        """`dtype`, with "auto" decided on this machine."""
        return fastest_precision(torch.device(self.device)) if self.dtype == "auto" else self.dtype

    def head_facts(self) -> dict[str, Any]:
        """What the file of a head keeps of the settings."""
        fields = asdict(self)
        return {"dtype": self.precision, **{name: fields[name] for name in self.kept_with_heads}}

    @classmethod
    def of_head(cls, facts: Mapping[str, Any], **others: Any) -> Self:
        """The settings by which features for a head are made.

        Args:
            facts: of its file; a KeyError or TypeError says that they are not those of a run.
            others: further fields.
        """
        names = ("dtype", *cls.kept_with_heads)
        return cls(**{name: facts[name] for name in names}, **others)

    def module(self, backbone: Backbone, scales: Sequence[float], **options: Any) -> MultiScale:
        """The operator with these settings, and further options of `MultiScaleConfig`."""
        options |= {"source": self.source, "tile_batch": self.tile_batch, "dtype": self.precision}
        return MultiScale(backbone, scales, **options)

    def extraction_modules(
        self, backbone: Backbone, scales: Sequence[float]
    ) -> tuple[MultiScale, ...]:
        """Operators that together compute every scale once."""
        return (self.module(backbone, scales),)

    @abstractmethod
    def join(
        self, features: Mapping[float, Any], module: MultiScale, *, for_training: bool = False
    ) -> Any:
        """Features of each scale → what a head of the candidate sees.

        Args:
            features: scale → its features, of one split.
            module: the candidate.
            for_training: whether they are read again and again.
        """


@dataclass(frozen=True, kw_only=True)
class DrawnSettings(RunSettings):
    """The options of tasks whose images can be drawn again: those with `Task.drawn_features`."""

    repeats: int = option(
        0,
        help="Also repeat split and training this many times with other seeds, on the same "
        "features, and show how far the answer moves. Where the data have a split of their own, "
        "half of the training images are drawn each time.",
    )

    def __post_init__(self) -> None:
        if type(self.repeats) is not int or not (
            self.repeats == 0 or 2 <= self.repeats <= MAX_REPEATS
        ):
            raise InputError(
                f"repeats must be 0, or from 2 to {MAX_REPEATS}, but got {self.repeats!r}. "
                "Ten show how far an answer moves."
            )
        super().__post_init__()

    def for_draw(self, seed: int) -> Self:
        """The settings of one repeat."""
        return replace(self, seed=seed)


@dataclass(frozen=True, kw_only=True)
class FeatureSettings(RunSettings):
    """The options of tasks that describe each image by one row of numbers."""

    kept_with_heads: ClassVar[tuple[str, ...]] = (*RunSettings.kept_with_heads, "feature")
    features: ClassVar[Literal["pooled", "maps"]] = "pooled"

    feature: Feature = option(
        "both",
        name="features",
        help="What heads see of each scale: the class token (cls), the mean of the map (mean) or "
        "both.",
    )

    def __post_init__(self) -> None:
        check_choice("feature", self.feature, get_args(Feature))
        super().__post_init__()

    @property
    def about_features(self) -> str:
        """What heads see, in words."""
        return f"per scale: {FEATURE_WORDS[self.feature]}"

    def join(
        self, features: Mapping[float, Rows], module: MultiScale, *, for_training: bool = False
    ) -> Rows:
        """The chosen columns of all scales side by side (num_images, feature_dim)."""
        return pooled_rows(features, module.backbone, module.scales, self.feature)


@dataclass(frozen=True, kw_only=True)
class PooledSettings(FeatureSettings, DrawnSettings):
    """The same where images can be drawn again."""


def pooled_rows(
    features: Mapping[float, Rows], backbone: Backbone, scales: Sequence[float], feature: Feature
) -> Rows:
    """The chosen columns of some scales side by side (num_images, feature_dim)."""
    rows = np.concatenate([features[scale] for scale in scales], axis=1)
    chosen = pooled_columns(scales, dim=backbone.dim, has_cls=backbone.has_cls, feature=feature)
    return rows if len(chosen) == rows.shape[1] else rows[:, chosen]
