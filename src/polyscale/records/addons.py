"""What a study adds to its rows: cascades, controls, other probes, failures and times."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from polyscale.records.codec import Count, NotNegative, Positive, PositiveCount, Record, Share

FEATURES_STAGE = "features"
"""The stage in which the models run."""


@dataclass(frozen=True, kw_only=True)
class CascadeChoice(Record):
    """A cascade at one threshold."""

    threshold: NotNegative
    share: Share
    cost: Positive
    accuracy: Share
    random_accuracy: Share


@dataclass(frozen=True, kw_only=True)
class Cascade(Record):
    """A small model that passes on images of which it is unsure; lists by rising cost.

    Attributes:
        small: candidate that sees every image.
        large: candidate that sees those of which the small one is unsure.
        kind: whether that is the small model at several scales or a larger one.
        axis: the kind of cost.
        thresholds: of the small model's highest probability; 2 sends every image on.
        share: of images that go on.
        cost: mean of an image.
        accuracy: of the cascade.
        random_accuracy: where as many images go on, drawn at random.
        area_gain: mean gain over random choice, over all shares.
        chosen: the test images at the threshold that did best on cross-validated answers to the
            training images, for no more than the large one costs alone.
    """

    small: str
    large: str
    kind: Literal["s2", "larger"]
    axis: Literal["macs", "latency_ms"]
    thresholds: tuple[NotNegative, ...]
    share: tuple[Share, ...]
    cost: tuple[Positive, ...]
    accuracy: tuple[Share, ...]
    random_accuracy: tuple[Share, ...]
    area_gain: float
    chosen: CascadeChoice | None = None

    def __post_init__(self) -> None:
        lists = (self.thresholds, self.share, self.cost, self.accuracy, self.random_accuracy)
        check_lengths(*lists)


@dataclass(frozen=True, kw_only=True)
class Control(Record):
    """A control beside its candidate; numbers are None where it could not run.

    Attributes:
        candidate: what it is a control of.
        control: what was taken away.
        value: the metric of the control on the test images.
        ci_low: lower end of its 95 % interval.
        ci_high: its upper end.
        difference: metric of the control less that of the candidate.
        diff_low: lower end of its paired 95 % interval.
        diff_high: its upper end.
        p_value: McNemar's exact test, two-sided, not corrected.
        macs: multiply-adds of one image.
        latency_ms: median time of one image.
        feature_dim: numbers that describe one image.
        reason: why it could not run, or None.
    """

    candidate: str
    control: str
    value: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    difference: float | None = None
    diff_low: float | None = None
    diff_high: float | None = None
    p_value: Share | None = None
    macs: PositiveCount | None = None
    latency_ms: Positive | None = None
    feature_dim: PositiveCount | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Knn(Record):
    """The metric of k nearest neighbours, and its 95 % interval."""

    k: PositiveCount
    value: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True)
class Shots(Record):
    """The metric from a few training images of each class, over several draws of them.

    Attributes:
        shots: images of each class.
        mean: over the draws; None where it was skipped.
        low: of the worst draw.
        high: of the best draw.
        draws: how many.
        skipped: why it was, or None.
    """

    shots: PositiveCount
    mean: float | None
    low: float | None
    high: float | None
    draws: Count
    skipped: str | None


@dataclass(frozen=True)
class Seeds(Record):
    """The metric of the same probe with several seeds, and its standard deviation."""

    values: tuple[float, ...]
    sd: NotNegative


@dataclass(frozen=True)
class Probes(Record):
    """What other probes say of a candidate.

    Attributes:
        knn: neighbours by cosine.
        few_shot: the metric by number of training images.
        features: the metric by what the probe sees of each scale.
        seeds: spread over seeds: of the folds that choose the regulariser, or of the training.
    """

    knn: Knn
    few_shot: tuple[Shots, ...]
    features: Mapping[str, float]
    seeds: Seeds


@dataclass(frozen=True)
class Failure(Record):
    """A candidate that gave no result.

    Attributes:
        candidate: as the user writes it.
        error: why, in one line.
        kind: of the error, as Python names it.
    """

    candidate: str
    error: str
    kind: str

    def __str__(self) -> str:
        return f"{self.candidate} ({self.error})"


@dataclass(frozen=True, kw_only=True)
class Timing(Record):
    """Seconds of a run.

    Attributes:
        wall_s: from its beginning to its end.
        model_s: in which a model ran over images.
        num_tiles: that it saw; features that were kept cost none.
        stages: name → seconds; a stage inside another counts for itself alone.
    """

    wall_s: NotNegative
    model_s: NotNegative
    num_tiles: Count
    stages: Mapping[str, NotNegative] = field(default_factory=dict)

    @property
    def busy_share(self) -> float | None:
        """Share of the time for features in which a model ran; None where none did."""
        stage_s = self.stages.get(FEATURES_STAGE)
        return self.model_s / stage_s if self.num_tiles and stage_s else None

    def to_dict(self) -> dict[str, Any]:
        """The times as JSON holds them, with the share."""
        return {**super().to_dict(), "busy_share": self.busy_share}


@dataclass(frozen=True, kw_only=True)
class SweetSpot(Record):
    """The candidate to take for a range of budgets; the last range has no end."""

    budget_low: Positive
    budget_high: Positive | None
    candidate: str


def check_lengths(*lists: tuple[object, ...]) -> None:
    """Refuse lists that do not belong together.

    Raises:
        ValueError: if they differ in length.
    """
    if len(set(map(len, lists))) > 1:
        raise ValueError("must hold lists of one length, but they differ")
