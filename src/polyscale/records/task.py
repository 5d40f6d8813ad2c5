"""How a run describes its task, so that a report needs no list of tasks."""

from dataclasses import dataclass
from typing import Literal

from polyscale.records.codec import Record
from polyscale.records.metric import Metric

Reduction = Literal["mean", "mean_iou"]
"""How means over images become the metric: of one column, or intersections over unions."""


@dataclass(frozen=True, kw_only=True)
class TaskRecord(Record):
    """What a report must know of a task: the content of `task.json`.

    Attributes:
        task: its name.
        metric: what candidates are judged by.
        scores: other metrics of its rows.
        images_file: the file that holds one row for each candidate and test image.
        right_or_wrong: whether an image is either right or wrong (a column `correct`), so that
            exact tests apply; otherwise images are resampled.
        statistics: columns of `images_file` that are averaged over resampled images.
        reduction: how these means become the metric; None if runs of the task cannot be merged.
        samples: what is tested, in words.
    """

    task: str
    metric: Metric
    scores: tuple[Metric, ...] = ()
    images_file: str = "images.parquet"
    right_or_wrong: bool = False
    statistics: tuple[str, ...] = ()
    reduction: Reduction | None = "mean"
    samples: str = "test images"

    def __post_init__(self) -> None:
        if "/" in self.images_file or "\\" in self.images_file:
            raise ValueError("must name an images_file of the same folder")
        columns = 2 if self.reduction == "mean_iou" else 1
        if not self.right_or_wrong and self.reduction and len(self.statistics) != columns:
            raise ValueError(f"must hold {columns} statistics for the reduction {self.reduction!r}")
