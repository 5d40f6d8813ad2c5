"""Facts about a candidate: what a study finds, files keep and a report shows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from polyscale.records.codec import Count, Positive, PositiveCount, Record
from polyscale.records.metric import better_sign
from polyscale.types.backbone import HW, Source


@dataclass(frozen=True, kw_only=True)
class Result(Record):
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
        higher_is_better: False if the metric is an error.
        value: the metric on the test images, 0 to 1 for accuracy.
        ci_low: lower end of the 95 % interval of `value`.
        ci_high: its upper end.
        selection_value: the metric in cross-validation on the training images: what may be looked
            at when choosing among candidates.
        num_train: training images.
        num_test: test images.
        num_tiles: times the backbone runs for one image.
        feature_dim: numbers that describe one image.
        params: parameters of the backbone, and of a head where there is one.
        macs: multiply-adds for one image over all tiles.
        flops: floating-point operations for one image over all tiles.
        latency_ms: median time for one image, batch 1, in milliseconds.
        latency_low_ms: its lower quartile.
        latency_high_ms: its upper quartile.
        throughput: median images a second in batches; None in files of older runs.
        throughput_low: its lower quartile.
        throughput_high: its upper quartile.
        peak_bytes: largest sum of live tensors while one image runs, parameters included.
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
    higher_is_better: bool = True
    value: float
    ci_low: float
    ci_high: float
    selection_value: float
    num_train: Count
    num_test: PositiveCount
    num_tiles: PositiveCount
    feature_dim: PositiveCount
    params: PositiveCount
    macs: PositiveCount
    flops: PositiveCount
    latency_ms: Positive
    latency_low_ms: Positive
    latency_high_ms: Positive
    throughput: Positive | None = None
    throughput_low: Positive | None = None
    throughput_high: Positive | None = None
    peak_bytes: PositiveCount
    probe: Mapping[str, Any]
    scores: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, Any]
    versions: Mapping[str, str]

    @property
    def sign(self) -> int:
        """1 where more is better, -1 where less is."""
        return 1 if self.higher_is_better else -1

    @property
    def backbone_params(self) -> int:
        """Parameters without a head's: what makes a model large."""
        return self.params - int(self.probe.get("params", 0))

    @classmethod
    def completed(cls, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """Older rows do not say which way is better."""
        return {"higher_is_better": better_sign(str(row.get("metric"))) > 0, **row}
