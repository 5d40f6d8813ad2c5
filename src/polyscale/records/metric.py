"""Metrics: what they are called, their unit, and which way is better."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A number that a candidate is judged by, and the words for it.

    Attributes:
        key: its name in files.
        name: its name at the beginning of a sentence or over a column.
        unit: of a value: "%" for a share that is shown in per cent, "m" for metres, "" for none.
        higher_is_better: False for errors.
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
    def sign(self) -> int:
        """1 where more is better, -1 where less is."""
        return 1 if self.higher_is_better else -1


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

LOWER_IS_BETTER = frozenset(
    {"mse", "loss", *(key for key, metric in METRICS.items() if not metric.higher_is_better)}
)
"""Errors; of every other metric, more is better."""


def better_sign(metric: str) -> int:
    """1 where more of a metric is better, -1 where less is."""
    return -1 if metric in LOWER_IS_BETTER else 1
