"""What the sections below the chart show, made ready for their templates."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

from polyscale.records import METRICS, Result, better_sign
from polyscale.report import numbers
from polyscale.report.axes import AXES, Axis
from polyscale.report.extras import Cascade, Control, Probes
from polyscale.report.plot import Plot, Series, place
from polyscale.report.read import Run
from polyscale.report.series import looks
from polyscale.stats import sweet_spots_by_axis
from polyscale.stats.sweet_spot import BudgetRange

CONTROLS = {
    "untiled": "one large tile, so that nothing is cut",
    "mean": "scales averaged, so that features are no wider",
    "equal_width": "all scales, projected to the width of one",
}


@dataclass(frozen=True, kw_only=True)
class CascadeChart:
    """A cascade, the kind of its cost and its chart."""

    cascade: Cascade
    axis: Axis
    plot: Plot


@dataclass(frozen=True, kw_only=True)
class SweetSpots:
    """What to take at each budget of one kind of cost."""

    axis: Axis
    ranges: tuple[BudgetRange, ...]


@dataclass(frozen=True, kw_only=True)
class FewShot:
    """Accuracy from a few labelled images a class."""

    shots: tuple[int, ...]
    rows: Mapping[str, Mapping[int, Mapping[str, float]]]
    plot: Plot


def cascade_charts(cascades: Sequence[Cascade]) -> list[CascadeChart]:
    """Each with its curve, random choice and the chosen point."""
    return [_cascade_chart(c) for c in cascades if c.axis in AXES and len(c.cost) > 1]


def _cascade_chart(cascade: Cascade) -> CascadeChart:
    axis, chosen = AXES[cascade.axis], cascade.chosen
    lines = [
        Series(x=cascade.cost, y=cascade.random_accuracy, style="random", colour="var(--quiet)"),
        Series(x=cascade.cost, y=cascade.accuracy, style="solid"),
    ]
    plot = place(
        lines,
        x_label=f"mean {axis.noun} of an image",
        x_text=axis.tick,
        mark=(chosen["cost"], chosen["accuracy"]) if chosen else None,
    )
    return CascadeChart(cascade=cascade, axis=axis, plot=plot)


def spots(results: Sequence[Result]) -> list[SweetSpots]:
    """For each kind of cost, where there is a choice at all."""
    if len(results) < 2:
        return []
    return [
        SweetSpots(axis=AXES[axis], ranges=tuple(ranges))
        for axis, ranges in sweet_spots_by_axis(results).items()
    ]


def turned_controls(run: Run) -> list[Control]:
    """Controls with `difference` that of the candidate less its control, and its ends with it."""
    values = {result.candidate: result.value for result in run.results}
    return [
        _turned(control) if _is_backwards(control, values[control.candidate]) else control
        for control in run.extras.controls
        if control.candidate in values
    ]


def _is_backwards(control: Control, value: float) -> bool:
    if control.value is None or control.difference is None:
        return False
    ahead = value - control.value
    return abs(control.difference - ahead) > abs(control.difference + ahead)


def _turned(control: Control) -> Control:
    assert control.difference is not None
    return replace(
        control,
        difference=-control.difference,
        diff_low=None if control.diff_high is None else -control.diff_high,
        diff_high=None if control.diff_low is None else -control.diff_low,
    )


def _is_run(point: Mapping[str, object]) -> bool:
    """Not skipped, for which a mean is null or not a number."""
    mean = point.get("mean")
    return isinstance(mean, float | int) and isfinite(mean)


def _end(point: Mapping[str, float | None], name: str) -> float:
    """An end of the range between draws; of a single draw, which has none, the mean."""
    end = point.get(name)
    mean = point["mean"]
    assert mean is not None
    return mean if end is None else end


HEAD_COLUMNS: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("head", "head", str),
    ("params", "head’s parameters", numbers.count),
    ("views", "views", str),
    ("steps", "steps", numbers.count),
    ("train_s", "training", lambda seconds: f"{seconds:,.0f}{numbers.NBSP}s"),
    ("loss", "loss", lambda loss: f"{loss:.3f}"),
)
"""Of a trained head: the key in `Result.probe`, a column's title, the value as text."""


def head_columns(results: Sequence[Result]) -> list[tuple[str, str, Callable[[Any], str]]]:
    """Those that any row has, where rows tell metrics besides the main one.

    What kind of head it is, only where rows differ: it may be a sentence.
    """
    kinds = {str(r.probe.get("head")) for r in results}
    return [
        column
        for column in HEAD_COLUMNS
        if any(r.scores and r.probe.get(column[0]) is not None for r in results)
        and (column[0] != "head" or len(kinds) > 1)
    ]


def best_scores(results: Sequence[Result]) -> dict[str, float]:
    """Every metric besides the main one that any row has, and its best value."""
    keys = dict.fromkeys([*METRICS, *(key for r in results for key in r.scores)])
    found = {k: [r.scores[k] for r in results if r.scores.get(k) is not None] for k in keys}
    return {
        key: max(values, key=lambda value: better_sign(key) * value)
        for key, values in found.items()
        if values
    }


def few_shot(results: Sequence[Result], probes: Mapping[str, Probes]) -> FewShot | None:
    """Each candidate's curve over the number of labelled images a class."""
    family_looks = looks(results)
    rows = {
        r.candidate: {int(p["shots"]): p for p in probes[r.candidate].few_shot if _is_run(p)}
        for r in results
        if r.candidate in probes
    }
    shots = tuple(sorted({n for own in rows.values() for n in own}))
    lines = []
    for result in results:
        own = [rows[result.candidate][n] for n in shots if n in rows.get(result.candidate, {})]
        if own:
            lines.append(
                Series(
                    x=[p["shots"] for p in own],
                    y=[p["mean"] for p in own],
                    low=[_end(p, "low") for p in own],
                    high=[_end(p, "high") for p in own],
                    style="several" if len(result.scales) > 1 else "one",
                    colour=family_looks[result.family].css,
                )
            )
    if not lines:
        return None
    plot = place(lines, x_label="labelled images a class", x_text=lambda n: f"{n:g}", x_at=shots)
    return FewShot(shots=shots, rows=rows, plot=plot)
