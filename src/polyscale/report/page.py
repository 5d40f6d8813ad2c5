"""The HTML page: everything that it shows, and the templates that show it."""

from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from polyscale.records import Contrast, Result, Verdict
from polyscale.report import method, numbers, sections, words
from polyscale.report.axes import Axis, shown_axes
from polyscale.report.chart import Cut
from polyscale.report.classes import FEW_IMAGES, class_pages
from polyscale.report.cost_words import cost_lines
from polyscale.report.curves import Drawing, draw_svg
from polyscale.report.dense.page import dense_context
from polyscale.report.gallery import group_pictures
from polyscale.report.names import model_names, scales_phrase, scales_text, short_names
from polyscale.report.read import Run
from polyscale.report.series import looks
from polyscale.report.vocabulary import score_name, score_text, speak

MAX_OPEN_CONTRASTS = 12

# what is compared in bars, and marked where it is best
COSTS = ("macs", "latency_ms", "peak_bytes")
SMALL_IS_GOOD = (*COSTS, "params")


@dataclass(frozen=True)
class Chart:
    """The metric against one kind of cost, for a desk and for a phone."""

    axis: Axis
    wide: Drawing
    narrow: Drawing
    is_cut: bool


def render_page(run: Run) -> str:
    """The report as one self-contained page."""
    models = model_names(run.results)
    say = speak(run.results[0].metric)
    gains = words.gains(run)
    controls = sections.turned_controls(run)
    sides = _sides(run.verdicts, gains)
    return (
        _environment()
        .get_template("report.html")
        .render(
            run=run,
            row=run.results[0],
            say=say,
            method=method.method_of(say),
            pooled=method.POOLED.get(say.metric.key, ""),
            images_file=say.images_file,
            answers=[
                (words.answer(v, models, run), cost_lines(v, run.results, models))
                for v in run.verdicts
            ],
            missing=words.missing(run),
            best_fact=None if run.verdicts else words.best_fact(run),
            gains=gains,
            results=_in_order(run.results),
            contrasts=run.contrasts,
            key_contrasts=_key_contrasts(run.verdicts, gains),
            contrast_limit=_limit(end for c in run.contrasts for end in (c.ci_low, c.ci_high)),
            best=_best(run.results),
            cheapest={cost: min(getattr(r, cost) for r in run.results) for cost in COSTS},
            dearest={cost: max(getattr(r, cost) for r in run.results) for cost in COSTS},
            names=short_names(run.results),
            models=models,
            looks=looks(run.results),
            charts=_charts(run),
            groups=group_pictures(run.pictures, run.verdicts, models),
            spots=sections.spots(run.results),
            cascades=sections.cascade_charts(run.extras.cascades),
            controls=controls,
            control_limit=_limit(end or 0 for c in controls for end in (c.diff_low, c.diff_high)),
            control_names=sections.CONTROLS,
            few_shot=sections.few_shot(_in_order(run.results), run.extras.probes),
            class_pages=class_pages(run, sides),
            few_images=FEW_IMAGES,
            source_text=method.SOURCES[run.results[0].source],
            facts=_facts(run.results),
            limits=method.limits(run.results, len(run.contrasts)),
            scores=sections.best_scores(run.results),
            heads=sections.head_columns(run.results),
            shared_head=method.shared_facts([r.probe for r in run.results]).get("head"),
            score_note=method.SCORE_NOTES.get(say.metric.key, ""),
            **dense_context(run, sides),
        )
    )


def render_side_by_side(runs: Sequence[Run], note: str) -> str:
    """Runs that may not be compared with each other, one after the other.

    Args:
        runs: what was found.
        note: why they are not compared.
    """
    return (
        _environment()
        .get_template("side_by_side.html")
        .render(
            note=note,
            date=max(run.date for run in runs),
            images_file=" or ".join(
                sorted({speak(run.results[0].metric).images_file for run in runs})
            ),
            parts=[
                {
                    "run": run,
                    "say": speak(run.results[0].metric),
                    "results": _in_order(run.results),
                    "models": model_names(run.results),
                    "looks": looks(run.results),
                    "best": _best(run.results),
                    "answers": words.plain_answers(run),
                }
                for run in runs
            ],
        )
    )


def _charts(run: Run) -> list[Chart]:
    found = []
    sign = speak(run.results[0].metric).sign
    for axis in shown_axes(run.costs, len(run.results)):
        cuts = [
            Cut(c.larger, c.s2, _value(run, c.larger) + sign * c.difference)
            for verdict in run.verdicts
            for c in verdict.costs
            if c.axis == axis.key and c.rule == "interpolated"
        ]
        wide, narrow = (
            draw_svg(run.results, variant, axis, own=run.costs(axis), cuts=cuts)
            for variant in ("wide", "narrow")
        )
        found.append(Chart(axis, wide, narrow, bool(cuts)))
    return found


def _value(run: Run, candidate: str) -> float:
    return next(r.value for r in run.results if r.candidate == candidate)


def _sides(
    verdicts: Sequence[Verdict], gains: Iterable[words.Gain]
) -> list[tuple[Result, Result | None]]:
    """Candidates that are looked at class by class, and the larger ones that they stand against."""
    sides: list[tuple[Result, Result | None]] = [(v.s2, v.larger) for v in verdicts]
    judged = {v.s2.backbone for v in verdicts}
    return sides + [(g.multi, None) for g in gains if g.multi.backbone not in judged]


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("polyscale.report"),
        autoescape=True,  # class names and ids are the user's
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., object]] = {
        "percent": numbers.percent,
        "points": numbers.points,
        "score_text": score_text,
        "score_name": score_name,
        "ratio": numbers.ratio,
        "macs": numbers.macs,
        "params": numbers.params,
        "megabytes": numbers.megabytes,
        "milliseconds": numbers.milliseconds,
        "per_second": numbers.per_second,
        "digits": numbers.three_digits,
        "count": numbers.count,
        "p_value": numbers.p_value,
        "scales_text": scales_text,
        "scales_phrase": scales_phrase,
        "fact_text": method.fact_text,
        "fact_name": method.fact_name,
        "timing_text": method.timing_text,
        "breakable": lambda name: Markup("<br>@").join(map(escape, name.split("@", 1))),
        "name_of": lambda candidate, names: names[candidate],
        "gain_sentence": words.gain_sentence,
        # what matplotlib drew; it escapes what it writes
        "drawn": lambda drawing: Markup(drawing.svg),  # noqa: S704
        "base64": lambda content: b64encode(content).decode(),
    }
    environment.filters.update(filters)
    environment.globals.update(
        max_open_contrasts=MAX_OPEN_CONTRASTS,
        interval_points=numbers.interval_points,
    )
    return environment


def _in_order(results: Sequence[Result]) -> list[Result]:
    """Families as they come, and within each by multiply-adds."""
    families = list(looks(results))
    return sorted(results, key=lambda r: (families.index(r.family), r.macs))


def _key_contrasts(verdicts: Iterable[Verdict], gains: Iterable[words.Gain]) -> list[Contrast]:
    """The ones that the answer rests on."""
    return [verdict.contrast for verdict in verdicts] + [gain.contrast for gain in gains]


def _limit(ends: Iterable[float]) -> float:
    """Where the axis of interval plots ends: a multiple of five points, or of 0.05 m."""
    return max(1, ceil(max(map(abs, ends), default=0) / 0.05)) * 0.05


def _best(results: Sequence[Result]) -> dict[str, float]:
    """The best value of each column that has one."""
    best: dict[str, float] = {
        field: min(getattr(r, field) for r in results) for field in SMALL_IS_GOOD
    }
    say = speak(results[0].metric)
    return best | {"value": max((r.value for r in results), key=lambda value: say.sign * value)}


def _facts(results: Sequence[Result]) -> dict[str, dict[str, Any]]:
    """Probe, settings and versions: what all rows share, and what differs among them."""
    facts = {}
    for field in ("probe", "settings", "versions"):
        rows = [getattr(result, field) for result in results]
        facts[field] = {
            "shared": method.shared_facts(rows),
            "differing": method.differing_keys(rows),
        }
    return facts
