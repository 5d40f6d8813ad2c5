"""Metrics, and what a report must know of a task: names, units, and which direction is better."""

from dataclasses import dataclass
from typing import Literal

from polyscale.records.codec import Record

Reduction = Literal["mean", "mean_iou", "pixel_ratio"]
"""How means over images become the metric: of one column; or of two, with pixels by class, the
first over the second, averaged over classes or taken of all classes together."""


class Directed:
    """A record that says whether more of its metric is better."""

    higher_is_better: bool

    @property
    def sign(self) -> int:
        """1 if more is better, -1 if less is."""
        return 1 if self.higher_is_better else -1


@dataclass(frozen=True, kw_only=True)
class Metric(Directed):
    """A number by which candidates are judged, and the words for it.

    Attributes:
        key: its name in files.
        name: its name at the beginning of a sentence or above a column.
        unit: of a value: "%" for a share that is shown in per cent, "m" for metres, "bits", or "".
        noun: its name inside a sentence; "" takes `name`.
        sentence: what a candidate does to get its value, with {value} and {num}; "" says
            "has a NOUN of {value} on {num} test images".
        second: the word before the value of a second candidate in the same sentence.
        about: what it measures, as the rest of a sentence that begins with its name; "" says
            nothing.
    """

    key: str
    name: str
    unit: str = ""
    higher_is_better: bool = True
    noun: str = ""
    sentence: str = ""
    second: str = "of"
    about: str = ""

    @property
    def best(self) -> float | None:
        """The best value that there can be; None where there is no limit."""
        if not self.higher_is_better:
            return 0.0
        return 1.0 if self.unit == "%" else None


METRICS = {
    metric.key: metric
    for metric in (
        Metric(
            key="accuracy",
            name="Accuracy",
            unit="%",
            noun="accuracy",
            sentence="is right on {value} of {num} test images",
            second="on",
        ),
        Metric(
            key="balanced_accuracy",
            name="Balanced accuracy",
            unit="%",
            noun="balanced accuracy",
            about="the share of a class's images that are right, averaged over classes",
        ),
        Metric(
            key="macro_f1",
            name="Macro F1",
            unit="%",
            noun="macro F1",
            about="F1, the harmonic mean of recall and precision, averaged over classes",
        ),
        Metric(
            key="auroc",
            name="AUROC",
            unit="%",
            noun="AUROC",
            about="the area under the ROC curve of each class against the rest, averaged over "
            "classes; 50 % is chance",
        ),
        Metric(
            key="ece",
            name="Calibration error",
            unit="%",
            higher_is_better=False,
            about="how far, on average, the probability of the answer is from the share of right "
            "answers at that probability",
        ),
        Metric(key="miou", name="Mean IoU", unit="%", noun="mean IoU"),
        Metric(
            key="pixel_accuracy", name="Pixel accuracy", unit="%", about="the share of right pixels"
        ),
        Metric(
            key="mean_accuracy",
            name="Mean class accuracy",
            unit="%",
            about="the share of a class's pixels that are right, averaged over classes",
        ),
        Metric(
            key="rmse",
            name="RMSE",
            unit="m",
            higher_is_better=False,
            sentence="has an RMSE of {value} on {num} test images",
        ),
        Metric(key="abs_rel", name="Absolute relative error", higher_is_better=False),
        Metric(
            key="delta1",
            name="δ < 1.25",
            unit="%",
            about="the share of pixels whose predicted depth is within that factor of the true one",
        ),
        Metric(key="delta2", name="δ < 1.25²", unit="%"),
        Metric(key="delta3", name="δ < 1.25³", unit="%"),
        Metric(key="silog", name="SiLog", higher_is_better=False),
    )
}
"""The metrics of built-in tasks, by key."""


@dataclass(frozen=True, kw_only=True)
class TaskRecord(Record):
    """How a report reads the runs of a task: the content of `task.json`.

    Attributes:
        task: name of the task.
        metric: the metric by which candidates are judged.
        scores: the other metrics.
        images_file: the file that holds one row for each candidate and test image.
        right_or_wrong: whether each image is either right or wrong (in a column `correct`), so that
            exact tests apply; otherwise images are resampled.
        statistics: columns of `images_file` that are averaged over resampled images.
        reduction: how these means become the metric; None if runs of the task cannot be merged.
        train_samples: what heads learn from, in words.
        samples: what is tested, in words.
        chosen_on: what candidates are chosen on, in words.
        held_out: whether heads have not seen what is tested; otherwise nothing is recommended.
    """

    task: str
    metric: Metric
    scores: tuple[Metric, ...] = ()
    images_file: str = "images.parquet"
    right_or_wrong: bool = False
    statistics: tuple[str, ...] = ()
    reduction: Reduction | None = "mean"
    train_samples: str = "training images"
    samples: str = "test images"
    chosen_on: str = "training images"
    held_out: bool = True

    def __post_init__(self) -> None:
        if "/" in self.images_file or "\\" in self.images_file:
            raise ValueError("must name an images_file of the same folder")
        columns = 2 if self.counts_classes else 1
        if not self.right_or_wrong and self.reduction and len(self.statistics) != columns:
            raise ValueError(f"must hold {columns} statistics for the reduction {self.reduction!r}")

    @property
    def counts_classes(self) -> bool:
        """Whether the statistics are pixels of each class."""
        return self.reduction in ("mean_iou", "pixel_ratio")
