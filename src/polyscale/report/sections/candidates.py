"""All candidates: the chart, the tables, the pairs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from polyscale.records import Contrast, Result
from polyscale.report import numbers
from polyscale.report.axes import AXES, Axis, shown_axes
from polyscale.report.chart import cuts_of
from polyscale.report.curves import Drawing, draw_svg
from polyscale.report.render import render
from polyscale.report.run import Run
from polyscale.report.sides import scale_gains

MAX_OPEN_CONTRASTS = 12
BARS = ("macs", "latency_ms", "peak_bytes")
"""The costs that are compared in bars."""

HEAD_COLUMNS: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("head", "head", str),
    ("params", "head’s parameters", numbers.count),
    ("views", "views", str),
    ("steps", "steps", numbers.count),
    ("train_s", "training", lambda seconds: f"{seconds:,.0f}{numbers.NBSP}s"),
    ("loss", "loss", lambda loss: f"{loss:.3f}"),
)
"""Of a trained head: the key in `Result.probe`, a column's title, the value as text."""


@dataclass(frozen=True)
class Chart:
    """The metric against one kind of cost, for a desk and for a phone."""

    axis: Axis
    wide: Drawing
    narrow: Drawing
    is_cut: bool


def chart_section(run: Run) -> Markup:
    """The metric against each kind of cost that every candidate has."""
    charts = []
    for axis in shown_axes(run.costs, len(run.results)):
        cuts = cuts_of(run, axis)
        wide, narrow = (draw_svg(run, variant, axis, cuts=cuts) for variant in ("wide", "narrow"))
        charts.append(Chart(axis, wide, narrow, bool(cuts)))
    # what matplotlib drew; it escapes what it writes
    return render("chart.html", run=run, charts=charts, drawn=Markup)


def candidates_section(run: Run) -> Markup:
    """Every row, every metric, costs as bars, and candidates that failed."""
    columns = head_columns(run.results)
    heads = {str(r.probe["head"]) for r in run.results if "head" in r.probe}
    return render(
        "candidates.html",
        run=run,
        table=candidates_table(run),
        scores=best_scores(run),
        columns=columns,
        cells={r.candidate: [_cell(r, *column) for column in columns] for r in run.results},
        shared_head=heads.pop() if columns and len(heads) == 1 else "",
        bars=[
            (AXES[key], min(costs.values()), max(costs.values()))
            for key in BARS
            for costs in (run.costs(AXES[key]),)
        ],
    )


def candidates_table(run: Run) -> Markup:
    """One row a candidate."""
    best: dict[str, float] = {
        field: min(getattr(r, field) for r in run.results) for field in (*BARS, "params")
    }
    best["value"] = max((r.value for r in run.results), key=lambda v: run.words.sign * v)
    return render("candidates_table.html", run=run, best=best)


def contrasts_section(run: Run) -> Markup | None:
    """Every pair; where there are many, those first that the answer rests on."""
    if not run.contrasts:
        return None
    ends = (end for c in run.contrasts for end in (c.ci_low, c.ci_high))
    key: list[Contrast] = [verdict.contrast for verdict in run.verdicts]
    key += [gain.contrast for gain in scale_gains(run)]
    return render(
        "contrasts.html",
        run=run,
        key_contrasts=key if len(run.contrasts) > MAX_OPEN_CONTRASTS else run.contrasts,
        limit=numbers.interval_limit(ends),
    )


def best_scores(run: Run) -> dict[str, float]:
    """Every metric besides the main one that any row has, and its best value."""
    keys = [metric.key for metric in run.task.scores]
    keys = list(dict.fromkeys([*keys, *(key for r in run.results for key in r.scores)]))
    found = {key: [r.scores[key] for r in run.results if key in r.scores] for key in keys}
    return {
        key: max(values, key=lambda value: run.score_words(key).sign * value)
        for key, values in found.items()
        if values
    }


def head_columns(results: Sequence[Result]) -> list[tuple[str, str, Callable[[Any], str]]]:
    """Those that any row has, where rows have metrics besides the main one.

    What kind of head it is, only where rows differ: it may be a sentence.
    """
    kinds = {str(r.probe.get("head")) for r in results}
    return [
        column
        for column in HEAD_COLUMNS
        if any(r.scores and r.probe.get(column[0]) is not None for r in results)
        and (column[0] != "head" or len(kinds) > 1)
    ]


def _cell(result: Result, key: str, _: str, text: Callable[[Any], str]) -> str:
    """A fact about a head; facts are free in form, so what is no number stays as it is."""
    value = result.probe.get(key)
    if value is None:
        return "–"
    try:
        return text(value)
    except (ValueError, TypeError):
        return str(value)
