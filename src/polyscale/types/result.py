"""Facts about candidates: what a study finds, files keep and a report shows."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from polyscale.types.backbone import HW, Source


@dataclass(frozen=True, kw_only=True)
class Result:
    """One row of facts about a candidate on a task.

    Attributes:
        candidate: as the user writes it, `SOURCE@SCALES`.
        backbone: the model's source.
        family: models of one family differ in size alone.
        scales: relative to the backbone's own size.
        tile_hw: the backbone's own size in pixels.
        source: what larger scales are resized from.
        task: for example "classification".
        data: name of the data.
        metric: for example "accuracy".
        value: the metric on the test images, 0 to 1 for accuracy.
        ci_low: lower end of the 95 % interval of `value`.
        ci_high: its upper end.
        selection_value: the metric in cross-validation on the training images: what may be looked
            at when choosing among candidates.
        num_train: training images.
        num_test: test images.
        num_tiles: times the backbone runs for one image.
        feature_dim: numbers that describe one image.
        params: parameters of the backbone.
        macs: multiply-adds for one image over all tiles.
        flops: floating-point operations for one image over all tiles.
        latency_ms: median time for one image, batch 1, in milliseconds.
        latency_low_ms: its lower quartile.
        latency_high_ms: its upper quartile.
        peak_bytes: largest sum of live tensors while one image runs, parameters included.
        probe: what was trained on the features, and how well it converged.
        settings: everything the user chose.
        versions: of polyscale, Python and the libraries, and the hardware.
    """

    candidate: str
    backbone: str
    family: str
    scales: tuple[float, ...]
    tile_hw: HW
    source: Source
    task: str
    data: str
    metric: str
    value: float
    ci_low: float
    ci_high: float
    selection_value: float
    num_train: int
    num_test: int
    num_tiles: int
    feature_dim: int
    params: int
    macs: int
    flops: int
    latency_ms: float
    latency_low_ms: float
    latency_high_ms: float
    peak_bytes: int
    probe: Mapping[str, Any]
    settings: Mapping[str, Any]
    versions: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON holds it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> "Result":
        """Read a row that `to_dict` wrote, after its way through JSON."""
        fields = dict(row)
        fields["scales"], fields["tile_hw"] = tuple(row["scales"]), tuple(row["tile_hw"])
        return cls(**fields)


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """Two candidates on the same test images.

    Attributes:
        first: a candidate.
        second: another.
        metric: what is compared.
        difference: metric of the first less metric of the second.
        ci_low: lower end of the 95 % paired-bootstrap interval of the difference.
        ci_high: its upper end.
        only_first: test images that only the first gets right.
        only_second: test images that only the second gets right.
        p_value: of the exact McNemar test, two-sided, not corrected for the number of contrasts.
        num_test: test images.
    """

    first: str
    second: str
    metric: str
    difference: float
    ci_low: float
    ci_high: float
    only_first: int
    only_second: int
    p_value: float
    num_test: int

    def turned(self) -> "Contrast":
        """The same two candidates with the second one first."""
        return replace(
            self,
            first=self.second,
            second=self.first,
            difference=-self.difference,
            ci_low=-self.ci_high,
            ci_high=-self.ci_low,
            only_first=self.only_second,
            only_second=self.only_first,
        )

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON holds it."""
        return asdict(self)


Outcome = Literal["s2", "larger", "inconclusive"]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a family's larger model is needed.

    Attributes:
        family: the family.
        outcome: which one is better beyond the interval of their difference, if either.
        s2: the smaller backbone at several scales.
        larger: the larger backbone at one scale.
        contrast: the two on the test images, `s2` first.
        macs_ratio: multiply-adds of `s2` over those of `larger`.
        latency_ratio: latency of `s2` over that of `larger`.
        params_ratio: parameters of `s2` over those of `larger`.
    """

    family: str
    outcome: Outcome
    s2: Result
    larger: Result
    contrast: Contrast
    macs_ratio: float
    latency_ratio: float
    params_ratio: float
