"""The data, how it was measured, and what that can't tell."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from polyscale.records import Reduction, Timing
from polyscale.report.render import render
from polyscale.report.run import Run
from polyscale.types import Source

SOURCES: dict[Source, str] = {
    "base": (
        "base: larger scales are enlarged from the image at the model’s own size, so they hold no "
        "new detail. This is the fair comparison with a larger model, which sees that size too."
    ),
    "native": (
        "native: larger scales are resized from the original picture, so that they can show detail "
        "that the model’s own size does not hold. This is what one would do in practice; part of "
        "any gain is resolution."
    ),
}
EXACT = {
    "intervals": "Of values: Wilson’s. Of differences: percentiles of a bootstrap over the test "
    "images that all candidates share, so that differences are paired. Class by class: Tango’s.",
    "test": "McNemar’s exact test",
    "equivalence": "two one-sided score tests within the margin",
}
RESAMPLED = {
    "intervals": "Percentiles of a bootstrap over whole test images; all candidates see the same "
    "resamples, so that differences are paired.",
    "test": "the bootstrap’s p-value",
    "equivalence": "two one-sided bootstrap tests within the margin",
}
REDUCTIONS: dict[Reduction, str] = {
    "mean": "{name} is taken of each image, and then averaged over images.",
    "mean_iou": "Intersections and unions are added up over all test images before they are "
    "divided; a class that is in none of them is left out.",
}
"""How the metric of an image becomes that of all."""


def data_section(run: Run) -> Markup | None:
    """What the images are, and which problems they have."""
    return render("data.html", run=run, data=run.data) if run.data else None


def method_section(run: Run) -> Markup:
    """Terms, settings and versions, and the limits of it all."""
    exact, reduction = run.task.right_or_wrong, run.task.reduction
    reduced = REDUCTIONS[reduction].format(name=run.words.name) if reduction else ""
    titles = {"probe": "Head", "settings": "Settings", "versions": "Versions and hardware"}
    return render(
        "method.html",
        run=run,
        row=run.results[0],
        source=SOURCES[run.results[0].source],
        tests=EXACT if exact else RESAMPLED,
        reduction="" if exact else reduced,
        timing=timing_text(run.timing) if run.timing else "",
        facts=[
            (title, *facts({name: getattr(row, field) for name, row in run.rows.items()}))
            for field, title in titles.items()
        ],
        limits=limits(run),
    )


def facts(
    rows: Mapping[str, Mapping[str, Any]],
) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Facts about candidates as text.

    Returns:
        The facts that all candidates share, by their names, and for each of the others what it is
        for each candidate.
    """
    shared, differing = {}, {}
    for key in dict.fromkeys(key for row in rows.values() for key in row):
        values = [row[key] for row in rows.values() if key in row]
        if len(values) == len(rows) and all(value == values[0] for value in values):
            shared[fact_name(key)] = fact_text(values[0])
        else:
            differing[fact_name(key)] = {
                name: fact_text(row[key]) if key in row else "–" for name, row in rows.items()
            }
    return shared, differing


def fact_text(value: object) -> str:
    """A fact from JSON as a reader sees it; lists and mappings on one line."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return "; ".join(f"{fact_name(key)}: {fact_text(entry)}" for key, entry in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(fact_text(entry) for entry in value) or "–"
    return str(value)


def fact_name(key: object) -> str:
    """`num_train` → `num train`: a key as a reader sees it."""
    return str(key).replace("_", " ")


def timing_text(timing: Timing) -> str:
    """`62 s in all, 44 s of it in models.`, and what took longest, where that is known."""
    text = f"{timing.wall_s:,.0f} s in all, {timing.model_s:,.0f} s of it in models."
    if timing.busy_share is not None:
        share = f"{100 * timing.busy_share:.0f} %"
        text += f" While features were computed, a model was running {share} of the time."
    stages = sorted(timing.stages.items(), key=lambda item: -item[1])[:5]
    longest = ", ".join(f"{name} {seconds:,.0f} s" for name, seconds in stages)
    return f"{text} The longest steps: {longest}." if longest else text


def limits(run: Run) -> list[str]:
    """What the numbers can't tell."""
    row, num_pairs = run.results[0], len(run.contrasts)
    sentences = [
        f"One data set: {row.data}, with {row.num_train:,} training and {row.num_test:,} test "
        "images. The answer may differ on other images.",
        "One split into training and test images, and one training of the head. The intervals "
        "cover the choice of test images, not the choice of training images or another training.",
        "One head on frozen features. Fine-tuning or another task may rank the candidates "
        "differently.",
        "Time and memory were measured on one machine at batch 1. Multiply-adds are the same on "
        "any machine; time is not.",
    ]
    if num_pairs > 1:
        sentences.append(
            f"{num_pairs} pairs were tested, and the p-values in the table are not corrected for "
            "that: if nothing differs, one in twenty falls below 0.05 by chance. The p-values that "
            "verdicts rest on are corrected (Holm)."
        )
    return sentences
