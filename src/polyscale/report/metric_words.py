"""A metric in words: values, differences and intervals in its own unit."""

from dataclasses import dataclass

from polyscale.records import Contrast, Metric
from polyscale.report.numbers import LEVEL, MINUS, NBSP, three_digits


@dataclass(frozen=True)
class MetricWords:
    """The words for a metric; `samples` are what it is taken over, for example "test images"."""

    metric: Metric
    samples: str = "test images"

    @property
    def sign(self) -> int:
        """1 where more is better, -1 where less is."""
        return self.metric.sign

    @property
    def name(self) -> str:
        """At the beginning of a sentence."""
        return self.metric.name

    @property
    def noun(self) -> str:
        """Inside a sentence."""
        return self.metric.noun or self.metric.name

    @property
    def title(self) -> str:
        """Over a column of values, with an arrow where less is better."""
        return f"{self.name} ↓" if self.sign < 0 else self.name

    @property
    def unit(self) -> str:
        """Of a difference: points, or the metric's own."""
        return "points" if self.metric.unit == "%" else self.metric.unit

    @property
    def heading(self) -> str:
        """Over a column of differences: `accuracy, points`."""
        return ", ".join(filter(None, (self.noun, self.unit))) + self.lower

    @property
    def lower(self) -> str:
        """What a reader of an error must know; nothing for other metrics."""
        return ", lower is better" if self.sign < 0 else ""

    def sentence(self, value: float, num: int) -> str:
        """`is right on 61.3 % of 240 test images`."""
        text = (
            self.metric.sentence
            or f"has {_article(self.noun)} {self.noun} of {{value}} on {{num}} {self.samples}"
        )
        return text.replace("{value}", self.value(value)).replace("{num}", str(num))

    def second(self, value: float) -> str:
        """`on 48.8 %`: of another candidate in the same sentence."""
        return f"{self.metric.second} {self.value(value)}"

    def shown(self, value: float) -> float:
        """A value as charts hold it."""
        return 100 * value if self.metric.unit == "%" else value

    def digits(self, value: float) -> str:
        """`61.3`: a value without its unit."""
        return f"{self.shown(value):.{1 if self.metric.unit == '%' else 3}f}"

    def value(self, value: float) -> str:
        """`61.3 %`, `0.412 m`."""
        return f"{self.digits(value)}{NBSP}{self.metric.unit}".rstrip()

    def short_value(self, value: float) -> str:
        """The same, but three digits where there is no unit: `11.3`."""
        return self.value(value) if self.metric.unit else three_digits(value)

    def tick(self, value: float) -> str:
        """A value on an axis."""
        return f"{self.shown(value):g} {self.metric.unit}".rstrip()

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
        return f"{self.difference(difference)}{space}{self.unit}".rstrip()

    def size(self, difference: float) -> str:
        """`12.5 points`, `0.031 m`: a difference whose direction is said in words."""
        space = " " if self.unit == "points" else NBSP
        return f"{self.digits(abs(difference))}{space}{self.unit}".rstrip()

    def finding(self, difference: float, low: float, high: float) -> str:
        """`+12.5 points (95 % interval +6.3 to +18.8)`."""
        return f"{self.gap(difference)} ({LEVEL} interval {self.interval(low, high)})"

    def contrast(self, contrast: Contrast) -> str:
        """The finding of two candidates on the same images."""
        return self.finding(contrast.difference, contrast.ci_low, contrast.ci_high)

    def margin(self, margin: float) -> str:
        """`±1`, `±0.01 m`: in points, or in the metric's own unit."""
        unit = "" if self.unit == "points" else f"{NBSP}{self.unit}"
        return f"±{self.shown(margin):g}{unit}".rstrip()


def _article(noun: str) -> str:
    """The article before a noun; abbreviations are spelled out: an AUROC, an R², a success rate."""
    is_abbreviation = noun[1:2].isupper() or not noun[1:2].isalpha()
    return "an" if noun.startswith(tuple("AEFHILMNORSX" if is_abbreviation else "aeiou")) else "a"
