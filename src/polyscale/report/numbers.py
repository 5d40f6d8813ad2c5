"""Numbers as a reader sees them: units, signs and a sensible number of digits."""

from collections.abc import Iterable
from math import ceil, floor, log10

NBSP = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
LEVEL = f"95{NBSP}%"


def percent(fraction: float) -> str:
    """`61.3 %` of 0.6125."""
    return f"{100 * fraction:.1f}{NBSP}%"


def ratio(value: float) -> str:
    """`8.2 ×`: how many times as much."""
    return f"{ratio_digits(value)}{NBSP}×"


def ratio_digits(value: float) -> str:
    """`8.2`, `31`, `0.04`: a ratio to two digits."""
    if value >= 9.95:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 0.095 else f"{value:.2g}"


def macs(value: float) -> str:
    """`0.385 G`: always giga, so that a column can be compared at a glance."""
    return f"{three_digits(value / 1e9)}{NBSP}G"


def params(value: float) -> str:
    """`4.65 M`."""
    return f"{three_digits(value / 1e6)}{NBSP}M"


def megabytes(value: float) -> str:
    """`87.4 MB`, of a million bytes each."""
    return f"{three_digits(value / 1e6)}{NBSP}MB"


def milliseconds(value: float) -> str:
    """`12.3 ms`."""
    return f"{three_digits(value)}{NBSP}ms"


def per_second(value: float) -> str:
    """`81.3 /s`: images a second."""
    return f"{three_digits(value)}{NBSP}/s"


def count(value: int) -> str:
    """`1,280`."""
    return f"{value:,}"


def p_value(value: float) -> str:
    """`0.012`, `< 0.001`."""
    return f"<{NBSP}0.001" if value < 0.001 else f"{value:.3f}"


def three_digits(value: float) -> str:
    """Three significant digits; whole numbers are never rounded off."""
    if value == 0:
        return "0"
    return f"{value:,.{max(0, 2 - floor(log10(abs(value))))}f}"


def interval_limit(ends: Iterable[float], step: float = 0.05) -> float:
    """Where the axis of intervals ends on either side of zero: a multiple of a step."""
    return max(1, ceil(max(map(abs, ends), default=0) / step)) * step
