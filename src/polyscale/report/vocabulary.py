"""How a metric is spoken of: values, differences and intervals in its own unit."""

from dataclasses import dataclass

from polyscale.records import METRICS, Metric, better_sign
from polyscale.report.numbers import LEVEL, MINUS, NBSP, three_digits


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """The words for a metric.

    Attributes:
        metric: key, name, unit, and which way is better.
        noun: inside a sentence.
        verb: what a candidate does to get its value: "is right on 61 % of 240 test images".
        joint: before the value of a second candidate: "and the other on 48 %".
        images_file: what counts by class and in merged runs are taken from.
        is_right_or_wrong: of each image; otherwise an image has a score.
    """

    metric: Metric
    noun: str
    verb: str
    joint: str
    images_file: str
    is_right_or_wrong: bool

    @property
    def sign(self) -> int:
        """1 where more is better, -1 where less is."""
        return better_sign(self.metric.key)

    @property
    def factor(self) -> int:
        """From a value to what is shown."""
        return 100 if self.metric.unit == "%" else 1

    @property
    def _decimals(self) -> int:
        return 1 if self.metric.unit == "%" else 3

    @property
    def unit(self) -> str:
        """Of a difference: points, or the metric's own."""
        return "points" if self.metric.unit == "%" else self.metric.unit

    @property
    def heading(self) -> str:
        """Over a column of differences: `accuracy, points`."""
        return f"{self.noun}, {self.unit}{self.lower}"

    @property
    def axis(self) -> str:
        """Beside the chart."""
        return f"{self.noun}, lower is better (axis turned)" if self.sign < 0 else self.noun

    @property
    def lower(self) -> str:
        """What a reader of an error must know; nothing for other metrics."""
        return ", lower is better" if self.sign < 0 else ""

    @property
    def aside(self) -> str:
        """The same in brackets, inside a sentence."""
        return " (lower is better)" if self.sign < 0 else ""

    def sentence(self, value: float, num_test: int) -> str:
        """`is right on 61.3 % of 240 test images`."""
        return self.verb.format(value=self.value(value), num=num_test)

    def second(self, value: float) -> str:
        """`on 48.8 %`: of another candidate in the same sentence."""
        return f"{self.joint} {self.value(value)}"

    def shown(self, value: float) -> float:
        """A value as charts hold it."""
        return self.factor * value

    def digits(self, value: float) -> str:
        """`61.3`: a value without its unit."""
        return f"{self.shown(value):.{self._decimals}f}"

    def value(self, value: float) -> str:
        """`61.3 %`, `0.412 m`."""
        return f"{self.digits(value)}{NBSP}{self.metric.unit}".rstrip()

    def bounds(self, low: float, high: float) -> str:
        """`55.0–67.5`: both ends of the interval of a value."""
        return f"{self.digits(low)}–{self.digits(high)}"

    def difference(self, difference: float) -> str:
        """`+12.5`, `−0.031`."""
        text = self.digits(abs(difference))
        if float(text) == 0:
            return text
        return f"{MINUS if difference < 0 else '+'}{text}"

    def interval(self, low: float, high: float) -> str:
        """`+6.3 to +18.8`: both ends of the interval of a difference."""
        return f"{self.difference(low)} to {self.difference(high)}".replace(" ", NBSP)

    def gap(self, difference: float) -> str:
        """`+12.5 points`, `−0.031 m`."""
        space = " " if self.unit == "points" else NBSP
        return f"{self.difference(difference)}{space}{self.unit}"

    def finding(self, difference: float, low: float, high: float) -> str:
        """`+12.5 points (95 % interval +6.3 to +18.8)`."""
        return f"{self.gap(difference)} ({LEVEL} interval {self.interval(low, high)})"

    def margin(self, margin: float) -> str:
        """`±1`, `±0.01 m`: in points, or in the metric's own unit."""
        unit = "" if self.unit == "points" else f"{NBSP}{self.unit}"
        return f"±{self.shown(margin):g}{unit}"

    def tick(self, value: float) -> str:
        """A value of `shown` on an axis."""
        return f"{value:g} {self.metric.unit}"


ACCURACY = Vocabulary(
    metric=METRICS["accuracy"],
    noun="accuracy",
    verb="is right on {value} of {num} test images",
    joint="on",
    images_file="predictions.parquet",
    is_right_or_wrong=True,
)
MEAN_IOU = Vocabulary(
    metric=METRICS["miou"],
    noun="mean IoU",
    verb="has a mean IoU of {value} on {num} test images",
    joint="of",
    images_file="images.parquet",
    is_right_or_wrong=False,
)
RMSE = Vocabulary(
    metric=METRICS["rmse"],
    noun="RMSE",
    verb="has an RMSE of {value} on {num} test images",
    joint="of",
    images_file="images.parquet",
    is_right_or_wrong=False,
)
VOCABULARIES = {own.metric.key: own for own in (ACCURACY, MEAN_IOU, RMSE)}
"""For each metric that a run may be judged by."""


def speak(metric: str) -> Vocabulary:
    """The words for a metric that a run may be judged by."""
    return VOCABULARIES[metric]


def score_text(key: str, value: float) -> str:
    """A value of any metric: `87.1 %`, `0.412 m`, `0.123`."""
    unit = METRICS[key].unit if key in METRICS else ""
    if unit == "%":
        return f"{100 * value:.1f}{NBSP}%"
    return f"{value:.3f}{NBSP}m" if unit == "m" else three_digits(value)


def score_name(key: str) -> str:
    """A metric as a column is headed, with which way is better where that is down."""
    name = METRICS[key].name if key in METRICS else key.replace("_", " ")
    return f"{name} ↓" if better_sign(key) < 0 else name
