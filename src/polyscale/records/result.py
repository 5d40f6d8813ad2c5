"""The rows of a run: facts about one candidate, and about two candidates on the same images."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from typing_extensions import Self

from polyscale.records.codec import Count, Positive, PositiveCount, Record, Share
from polyscale.records.metric import Directed
from polyscale.records.turns import Turns
from polyscale.types.backbone import HW, Source

BoundKind = Literal["floor", "ceiling"]
"""What bounds candidates from below, or from above."""


@dataclass(frozen=True, kw_only=True)
class Result(Directed, Record):
    """One row of facts about a candidate on a task.

    Attributes:
        candidate: as the user writes it, `SOURCE@SCALES`.
        backbone: the model's source.
        family: models of one family differ only in size.
        scales: relative to the backbone's own size.
        tile_hw: the backbone's own size in pixels.
        source: what larger scales are resized from.
        value: the metric on the test images, 0 to 1 for accuracy; `ci_low` and `ci_high` are the
            ends of its 95 % interval.
        selection_value: the metric in cross-validation on the training images, by which candidates
            may be chosen.
        train_value: the metric on training images that the head learned from: far above the other
            two, it shows that the head has learned them by heart. None where nothing is learned.
        num_tiles: how often the backbone runs for one image.
        feature_dim: numbers that describe one image.
        params: parameters of the backbone, and of a head if there is one.
        macs: multiply-adds for one image over all tiles; `flops` are its floating-point operations.
        latency_ms: median time for one image in batches of one; `latency_low_ms` and
            `latency_high_ms` are its quartiles. These and all that follow are None in a run without
            costs.
        throughput: median number of images a second in batches; `throughput_low` and
            `throughput_high` are its quartiles.
        peak_bytes: largest sum of live tensors while one image runs, including parameters.
        turns: how time was measured; None also in runs of earlier versions.
        probe: what was trained on the features, and how well it converged.
        scores: other metrics on the test images, by key.
        settings: everything the user chose.
        versions: of polyscale, Python and the libraries, and the hardware.
    """

    candidate: str
    backbone: str
    family: str
    scales: tuple[Positive, ...]
    tile_hw: HW
    source: Source
    task: str
    data: str
    metric: str
    higher_is_better: bool
    value: float
    ci_low: float
    ci_high: float
    selection_value: float
    train_value: float | None = None
    num_train: Count
    num_test: PositiveCount
    num_tiles: PositiveCount
    feature_dim: PositiveCount
    params: PositiveCount
    macs: PositiveCount
    flops: PositiveCount
    latency_ms: Positive | None = None
    latency_low_ms: Positive | None = None
    latency_high_ms: Positive | None = None
    throughput: Positive | None = None
    throughput_low: Positive | None = None
    throughput_high: Positive | None = None
    peak_bytes: PositiveCount | None = None
    turns: Turns | None = None
    probe: Mapping[str, Any]
    scores: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, Any]
    versions: Mapping[str, str]

    @property
    def backbone_params(self) -> int:
        """Parameters without a head's: what makes a model large."""
        return self.params - int(self.probe.get("params", 0))


@dataclass(frozen=True, kw_only=True)
class Difference(Record):
    """The first of two candidates less the second, and the 95 % interval of that."""

    first: str
    second: str
    difference: float
    ci_low: float
    ci_high: float

    def turned(self) -> Self:
        """The same two candidates with the second one first."""
        return replace(
            self,
            first=self.second,
            second=self.first,
            difference=-self.difference,
            ci_low=-self.ci_high,
            ci_high=-self.ci_low,
        )


@dataclass(frozen=True, kw_only=True)
class Contrast(Directed, Difference):
    """Two candidates on the same test images.

    Differences, intervals and margin are in the metric's own unit: 0.01 of accuracy is one
    percentage point.

    Attributes:
        difference: metric of the first less metric of the second.
        ci_low: lower end of the 95 % paired-bootstrap interval of the difference; `ci_high` is the
            upper end.
        ci90_low: lower end of the 90 % interval, on which a test of equivalence at 5 % is based.
        only_first: test images that only the first gets right, and `only_second` those that only
            the second gets right; None for metrics without right and wrong.
        p_value: of a difference, two-sided, not corrected: McNemar's exact test for accuracy.
        p_holm: the same with Holm's correction; None if no verdict is drawn from the contrast.
        margin: largest difference that counts as none.
        p_equivalence: that the difference is within the margin (two one-sided score tests), not
            corrected; `p_equivalence_holm` is corrected as `p_holm`.
        over_trainings: whether intervals and tests cover other trainings as well as other images.
    """

    metric: str
    higher_is_better: bool
    ci90_low: float
    ci90_high: float
    only_first: Count | None
    only_second: Count | None
    p_value: Share
    p_holm: Share | None = None
    margin: Positive
    p_equivalence: Share
    p_equivalence_holm: Share | None = None
    num_test: PositiveCount
    over_trainings: bool = False

    def turned(self) -> Self:
        """The same two candidates with the second one first."""
        return replace(
            super().turned(),
            ci90_low=-self.ci90_high,
            ci90_high=-self.ci90_low,
            only_first=self.only_second,
            only_second=self.only_first,
        )


@dataclass(frozen=True, kw_only=True)
class Floor(Record):
    """What candidates stand beside, on the same images; they are no candidates themselves.

    Attributes:
        kind: "floor" for what can be had without a model that has learned to see, "ceiling" for
            what heads reach that are told what others must see.
        name: what gives the answers, for example "most frequent class".
        about: how it gives them, as a sentence.
        value: the metric on the test images; `ci_low` and `ci_high` are the ends of its 95 %
            interval.
        contrasts: each candidate (`first`) less the floor (`second`) on the same test images.
    """

    name: str
    about: str
    value: float
    ci_low: float
    ci_high: float
    contrasts: tuple[Contrast, ...]
    kind: BoundKind = "floor"

    def covers(self, candidates: Collection[str]) -> bool:
        """Whether it was compared with all of these candidates, and with no others."""
        return {contrast.first for contrast in self.contrasts} == set(candidates)

    def beaten_by(self, candidate: str) -> bool:
        """Whether the whole 95 % interval of the difference says that the candidate is better.

        Raises:
            KeyError: for a candidate that it was not compared with.
        """
        contrast = {c.first: c for c in self.contrasts}[candidate]
        return contrast.ci_low > 0 if contrast.higher_is_better else contrast.ci_high < 0
