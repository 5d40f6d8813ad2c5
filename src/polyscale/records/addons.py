"""What a study adds to its rows: cascades, controls, other probes, failures, budgets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from polyscale.records.codec import (
    Count,
    NotNegative,
    Positive,
    PositiveCount,
    Record,
    Share,
    check_lengths,
)


@dataclass(frozen=True, kw_only=True)
class CascadeChoice(Record):
    """A cascade at one threshold; fields as in `Cascade`."""

    threshold: NotNegative
    share: Share
    cost: Positive
    accuracy: Share
    random_accuracy: Share


@dataclass(frozen=True, kw_only=True)
class Cascade(Record):
    """A small model that passes on images of which it is unsure. Lists are by rising cost.

    Attributes:
        small: candidate that sees every image.
        large: candidate that sees the images that are passed on.
        kind: whether `large` is the small model at several scales or a larger model.
        axis: the kind of cost.
        thresholds: of the small model's highest probability; 2 passes on every image.
        share: of images that are passed on.
        cost: mean cost of an image.
        random_accuracy: if as many images are passed on, but drawn at random.
        area_gain: mean gain over random choice, over all shares.
        chosen: the test images at the threshold that is best on cross-validated answers to the
            training images and costs no more than `large` alone.
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
    """A control beside its candidate; numbers are None, and there is a reason, if it cannot run.

    Attributes:
        candidate: what it is a control of.
        control: what was taken away.
        value: the metric of the control on the test images, with its 95 % interval.
        difference: metric of the control less that of the candidate; `diff_low` and `diff_high`
            are the ends of its paired 95 % interval.
        p_value: McNemar's exact test, two-sided, not corrected.
        macs: multiply-adds for one image.
        latency_ms: median time for one image.
        feature_dim: numbers that describe one image.
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
    """The metric of k nearest neighbours by cosine, with its 95 % interval."""

    k: PositiveCount
    value: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True)
class Shots(Record):
    """The metric from a few training images of each class.

    `mean`, `low` and `high` are over several draws of the images; they are None if it was skipped
    for the reason in `skipped`.
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
    """Results of other probes on the features of a candidate.

    Attributes:
        knn: nearest neighbours.
        few_shot: the metric by number of training images.
        features: the metric by what the probe gets of each scale.
        seeds: spread over the seeds of the folds that choose the regulariser, or of the training.
    """

    knn: Knn
    few_shot: tuple[Shots, ...]
    features: Mapping[str, float]
    seeds: Seeds


@dataclass(frozen=True)
class Failure(Record):
    """A candidate without a result: why, in one line, and the name of the Python exception."""

    candidate: str
    error: str
    kind: str

    def __str__(self) -> str:
        return f"{self.candidate} ({self.error})"


@dataclass(frozen=True, kw_only=True)
class SweetSpot(Record):
    """The candidate to take for budgets from `budget_low` up to, but without, `budget_high`.

    The last range has no end.
    """

    budget_low: Positive
    budget_high: Positive | None
    candidate: str
