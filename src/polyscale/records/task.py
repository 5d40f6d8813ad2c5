"""How a run describes its task, so that a report needs no list of tasks."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from polyscale.records.metric import Metric

Reduction = Literal["mean", "mean_iou"]
"""How means over images become the metric: of one column, or intersections over unions."""


@dataclass(frozen=True, kw_only=True)
class TaskRecord:
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

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON holds it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> "TaskRecord":
        """Read what `to_dict` wrote, after its way through JSON."""
        fields = dict(row)
        fields["metric"] = Metric(**row["metric"])
        fields["scores"] = tuple(Metric(**score) for score in row["scores"])
        fields["statistics"] = tuple(row["statistics"])
        return cls(**fields)
