"""Numbers as a reader sees them: signs, units and a sensible number of digits."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor, log10

NBSP = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
LEVEL = f"95{NBSP}%"


@dataclass(frozen=True)
class Axis:
    """A kind of cost, as a reader sees it."""

    key: str  # the field of a result that holds it
    noun: str  # in sentences and headings
    label: str  # under the chart
    unit: str
    unit_size: float = 1  # in the field of the result
    turned: bool = False  # whether more is better, so that the axis runs from right to left

    def tick(self, value: float) -> str:
        """`0.5 G`: a value on the axis."""
        return f"{value / self.unit_size:g} {self.unit}"

    def text(self, value: float) -> str:
        """`0.385 G`: three digits, and one unit for all values, so that a column compares."""
        return f"{three_digits(value / self.unit_size)}{NBSP}{self.unit}"


MACS = Axis("macs", "multiply-adds", "multiply-adds for one image", "G", 1e9)
LATENCY = Axis("latency_ms", "time", "time for one image, batch 1", "ms")
THROUGHPUT = Axis("throughput", "throughput", "images a second, in batches", "/s", turned=True)
MEMORY = Axis("peak_bytes", "peak memory", "peak memory for one image", "MB", 1e6)
PARAMS = Axis("params", "parameters", "parameters", "M", 1e6)
TIMES = (LATENCY, THROUGHPUT)
AXES = {axis.key: axis for axis in (MACS, LATENCY, THROUGHPUT, MEMORY, PARAMS)}


def percent(fraction: float) -> str:
    """`61.3 %` of 0.6125."""
    return f"{100 * fraction:.1f}{NBSP}%"


def ratio(value: float) -> str:
    """`8.2 ×`: how many times as much."""
    return f"{ratio_digits(value)}{NBSP}×"


def ratio_interval(low: float | None, high: float | None) -> str:
    """` (1.9 to 2.2)` after a measured ratio; empty without an interval, or if it has no width."""
    if low is None or high is None or ratio_digits(low) == ratio_digits(high):
        return ""
    return f" ({ratio_digits(low)} to {ratio_digits(high)})"


def ratio_digits(value: float) -> str:
    """`8.2`, `31`, `0.04`: a ratio to two digits."""
    if value >= 9.95:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 0.095 else f"{value:.2g}"


def p_value(value: float) -> str:
    """`0.012`, `< 0.001`."""
    return f"<{NBSP}0.001" if value < 0.001 else f"{value:.3f}"


def three_digits(value: float) -> str:
    """Three significant digits; whole numbers are never rounded off."""
    if value == 0:
        return "0"
    return f"{value:,.{max(0, 2 - floor(log10(abs(value))))}f}"


def two_digits(number: int) -> str:
    """`17,000` of 17059: two significant digits of a number that is only an order of magnitude."""
    return f"{round(number, 2 - len(str(number))) if number > 99 else number:,}"


def interval_limit(intervals: Iterable[tuple[float, float]], step: float = 0.05) -> float:
    """Where the axis of intervals ends on either side of zero: a multiple of a step."""
    ends = [abs(end) for interval in intervals for end in interval]
    return max(1, ceil(max(ends, default=0) / step)) * step
