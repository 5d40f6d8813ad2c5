"""All candidates: the chart, the tables, the pairs."""

from collections.abc import Callable, Sequence
from typing import Any

from markupsafe import Markup

from polyscale.records import Contrast, Result
from polyscale.report.chart import cuts_of
from polyscale.report.curves import Variant, draw_svg
from polyscale.report.numbers import AXES, NBSP, interval_limit
from polyscale.report.render import render
from polyscale.report.run import Run
from polyscale.report.sides import scale_gains
from polyscale.report.times import time_note

MAX_OPEN_CONTRASTS = 12
BARS = ("macs", "latency_ms", "peak_bytes")
"""The costs that are compared in bars."""

HeadColumn = tuple[str, str, Callable[[Any], str]]
HEAD_COLUMNS: tuple[HeadColumn, ...] = (
    ("head", "head", str),
    ("params", "head’s parameters", "{:,}".format),
    ("views", "views", str),
    ("steps", "steps", "{:,}".format),
    ("train_s", "training", lambda seconds: f"{seconds:,.0f}{NBSP}s"),
    ("loss", "loss", "{:.3f}".format),
)
"""Of a trained head: the key in `Result.probe`, a column's title, the value as text."""


def chart_section(run: Run) -> Markup:
    """The metric against each kind of cost that every candidate has, for a desk and for a phone."""
    axes = [axis for axis in AXES.values() if len(run.costs(axis)) == len(run.results)]
    variants: tuple[Variant, ...] = ("wide", "narrow")
    charts = [(axis, {name: draw_svg(run, name, axis) for name in variants}) for axis in axes]
    has_cuts = any(cuts_of(run, axis) for axis in axes)
    # what matplotlib drew; it escapes what it writes
    return render("chart.html", run=run, charts=charts, has_cuts=has_cuts, drawn=Markup)


def candidates_section(run: Run) -> Markup:
    """Every row, every metric, costs as bars, and candidates that failed."""
    columns = head_columns(run.results)
    heads = {str(r.probe["head"]) for r in run.results if "head" in r.probe}
    costs = [(AXES[key], run.costs(AXES[key]).values()) for key in BARS]
    known = [(axis, values) for axis, values in costs if len(values) == len(run.results)]
    return render(
        "candidates.html",
        run=run,
        table=candidates_table(run),
        scores=best_scores(run),
        columns=columns,
        cells={r.candidate: [_cell(r, *column) for column in columns] for r in run.results},
        shared_head=heads.pop() if columns and len(heads) == 1 else "",
        bars=[(axis, min(values), max(values)) for axis, values in known],
        time_note=time_note(run),
    )


def candidates_table(run: Run) -> Markup:
    """One row for each candidate."""
    costs = {field: run.costs(AXES[field]).values() for field in (*BARS, "params")}
    best = {field: min(values) for field, values in costs.items() if values}
    best["value"] = max((r.value for r in run.results), key=lambda v: run.words.sign * v)
    return render("candidates_table.html", run=run, best=best)


def contrasts_section(run: Run) -> Markup | None:
    """Every pair; if there are many, the ones that the answer rests on come first."""
    if not run.contrasts:
        return None
    key: Sequence[Contrast] = run.contrasts
    if len(run.contrasts) > MAX_OPEN_CONTRASTS:
        key = [*(verdict.contrast for verdict in run.verdicts), *scale_gains(run)]
    limit = interval_limit((c.ci_low, c.ci_high) for c in run.contrasts)
    return render("contrasts.html", run=run, key_contrasts=key, limit=limit)


def best_scores(run: Run) -> dict[str, float]:
    """Every metric besides the main one that any row has, and its best value."""
    keys = dict.fromkeys(metric.key for metric in run.task.scores)
    values: dict[str, list[float]] = {key: [] for key in keys}
    for result in run.results:
        for key, value in result.scores.items():
            values.setdefault(key, []).append(value)
    signs = {key: run.score_words(key).sign for key in values}
    return {k: signs[k] * max(signs[k] * v for v in own) for k, own in values.items() if own}


def head_columns(results: Sequence[Result]) -> list[HeadColumn]:
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
