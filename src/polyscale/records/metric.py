"""Metrics: what they are called, their unit, and which way is better."""

from dataclasses import dataclass

LOWER_IS_BETTER = frozenset({"rmse", "abs_rel", "silog", "mse", "loss"})
"""Errors; of every other metric, more is better."""


@dataclass(frozen=True)
class Metric:
    """How a metric is spoken of.

    Attributes:
        key: in files.
        name: at the beginning of a sentence or over a column.
        unit: of a value: "%" for a share that is shown in per cent, "m" for metres, "" for none.
    """

    key: str
    name: str
    unit: str

    @property
    def higher_is_better(self) -> bool:
        """Which way is better."""
        return better_sign(self.key) == 1


METRICS = {
    metric.key: metric
    for metric in (
        Metric("accuracy", "Accuracy", "%"),
        Metric("miou", "Mean IoU", "%"),
        Metric("pixel_accuracy", "Pixel accuracy", "%"),
        Metric("mean_accuracy", "Mean class accuracy", "%"),
        Metric("rmse", "RMSE", "m"),
        Metric("abs_rel", "Absolute relative error", ""),
        Metric("delta1", "δ < 1.25", "%"),
        Metric("delta2", "δ < 1.25²", "%"),
        Metric("delta3", "δ < 1.25³", "%"),
        Metric("silog", "SiLog", ""),
    )
}


def better_sign(metric: str) -> int:
    """1 where more of a metric is better, -1 where less is."""
    return -1 if metric in LOWER_IS_BETTER else 1
