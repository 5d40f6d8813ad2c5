"""The HTML page: everything that it shows, and the templates that show it."""

from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from math import ceil
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from polyscale.report import method, numbers, words
from polyscale.report.curves import draw_svg
from polyscale.report.gallery import group_pictures
from polyscale.report.names import model_names, scales_phrase, scales_text, short_names
from polyscale.report.read import Run
from polyscale.report.series import looks
from polyscale.types import Contrast, Result, Verdict

MAX_OPEN_CONTRASTS = 12

# what is compared in bars, and marked where it is best
COSTS = ("macs", "latency_ms", "peak_bytes")
SMALL_IS_GOOD = (*COSTS, "params")


def render_page(run: Run, verdicts: Sequence[Verdict]) -> str:
    """The report as one self-contained page.

    Args:
        run: what was found.
        verdicts: what `polyscale.stats.judge` makes of it.
    """
    models = model_names(run.results)
    gains = words.gains(run)
    return (
        _environment()
        .get_template("report.html")
        .render(
            row=run.results[0],
            date=run.date,
            answers=[words.answer(verdict, models) for verdict in verdicts],
            missing=words.missing(run, verdicts),
            best_fact=None if verdicts else words.best_fact(run),
            gains=gains,
            results=_in_order(run.results),
            contrasts=run.contrasts,
            key_contrasts=_key_contrasts(verdicts, gains),
            contrast_limit=_contrast_limit(run.contrasts),
            best=_best(run.results),
            cheapest={cost: min(getattr(r, cost) for r in run.results) for cost in COSTS},
            dearest={cost: max(getattr(r, cost) for r in run.results) for cost in COSTS},
            names=short_names(run.results),
            models=models,
            looks=looks(run.results),
            # matplotlib escapes what it writes; this is its element
            charts=[Markup(draw_svg(run.results, v)) for v in ("wide", "narrow")],  # noqa: S704
            groups=group_pictures(run.pictures, verdicts, models),
            source_text=method.SOURCES[run.results[0].source],
            facts=_facts(run.results),
            limits=method.limits(run.results, len(run.contrasts)),
        )
    )


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
        "ratio": numbers.ratio,
        "macs": numbers.macs,
        "params": numbers.params,
        "megabytes": numbers.megabytes,
        "milliseconds": numbers.milliseconds,
        "digits": numbers.three_digits,
        "count": numbers.count,
        "p_value": numbers.p_value,
        "scales_text": scales_text,
        "scales_phrase": scales_phrase,
        "fact_text": method.fact_text,
        "fact_name": method.fact_name,
        "gain_sentence": words.gain_sentence,
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


def _contrast_limit(contrasts: Iterable[Contrast]) -> float:
    """Where the axis of all interval plots ends: five points at least, in steps of five."""
    widest = max((max(abs(c.ci_low), abs(c.ci_high)) for c in contrasts), default=0)
    return max(1, ceil(widest / 0.05)) * 0.05


def _best(results: Sequence[Result]) -> dict[str, float]:
    """The best value of each column that has one."""
    best: dict[str, float] = {
        field: min(getattr(r, field) for r in results) for field in SMALL_IS_GOOD
    }
    return best | {"value": max(r.value for r in results)}


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
