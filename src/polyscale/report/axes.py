"""The kinds of cost that the chart can be drawn against."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from polyscale.records import Result
from polyscale.report import numbers


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A kind of cost, as a reader sees it.

    Attributes:
        key: the field of a result that holds it.
        noun: for sentences and headings.
        label: under the chart.
        tick: a value of the axis as text.
        text: a value of a row as text.
        turned: more is better, so that the axis runs from right to left.
    """

    key: str
    noun: str
    label: str
    tick: Callable[[float], str]
    text: Callable[[float], str]
    turned: bool = False


MACS = Axis(
    key="macs",
    noun="multiply-adds",
    label="multiply-adds for one image (log scale)",
    tick=lambda value: f"{value / 1e9:g} G",
    text=numbers.macs,
)
LATENCY = Axis(
    key="latency_ms",
    noun="time",
    label="time for one image, batch 1 (log scale)",
    tick=lambda value: f"{value:g} ms",
    text=numbers.milliseconds,
)
THROUGHPUT = Axis(
    key="throughput",
    noun="throughput",
    label="images a second, batch 16 (log scale, faster on the left)",
    tick=lambda value: f"{value:g} /s",
    text=numbers.per_second,
    turned=True,
)
MEMORY = Axis(
    key="peak_bytes",
    noun="peak memory",
    label="peak memory for one image (log scale)",
    tick=lambda value: f"{value / 1e6:g} MB",
    text=numbers.megabytes,
)
PARAMS = Axis(
    key="params",
    noun="parameters",
    label="parameters (log scale)",
    tick=lambda value: f"{value / 1e6:g} M",
    text=numbers.params,
)
AXES = {axis.key: axis for axis in (MACS, LATENCY, THROUGHPUT, MEMORY, PARAMS)}

Costs = Mapping[str, float]
"""Of each candidate, on one axis."""


def costs(results: Sequence[Result], axis: Axis) -> dict[str, float]:
    """Each candidate's cost; without those that have none, such as an older run's throughput."""
    found = {r.candidate: getattr(r, axis.key, None) for r in results}
    return {name: float(value) for name, value in found.items() if value}


def shown_axes(run_costs: Callable[[Axis], Costs], num_results: int) -> list[Axis]:
    """Those on which every candidate has a cost."""
    return [axis for axis in AXES.values() if len(run_costs(axis)) == num_results]
