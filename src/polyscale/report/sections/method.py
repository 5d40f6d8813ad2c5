"""The data, how it was measured, and what that can't tell."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from polyscale.records import Reduction, Timing
from polyscale.report.render import render
from polyscale.report.run import Run
from polyscale.types import Source

SOURCES: dict[Source, str] = {
    "base": (
        "base: larger scales are enlarged from the image at the model’s own size, so that no new "
        "pixel enters. This is the fair comparison with a larger model, which sees that size too."
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
    """What the images are, and what was found wrong with them."""
    return render("data.html", run=run, data=run.data) if run.data else None


def method_section(run: Run) -> Markup:
    """Terms, settings and versions, and the limits of it all."""
    exact, reduction = run.task.right_or_wrong, run.task.reduction
    reduced = REDUCTIONS[reduction].format(name=run.words.name) if reduction else ""
    return render(
        "method.html",
        run=run,
        row=run.results[0],
        source=SOURCES[run.results[0].source],
        tests=EXACT if exact else RESAMPLED,
        reduction="" if exact else reduced,
        timing=timing_text(run.timing) if run.timing else "",
        facts=[
            (title, *_facts(run, field))
            for title, field in (
                ("Head", "probe"),
                ("Settings", "settings"),
                ("Versions and hardware", "versions"),
            )
        ],
        limits=limits(run),
    )


def _facts(run: Run, field: str) -> tuple[dict[str, str], list[str], list[tuple[str, list[str]]]]:
    """What all rows share, the names of what differs among them, and that for each row."""
    rows = {name: getattr(result, field) for name, result in run.rows.items()}
    shared = shared_facts(list(rows.values()))
    differing = differing_keys(list(rows.values()))
    return (
        {fact_name(key): fact_text(value) for key, value in shared.items()},
        [fact_name(key) for key in differing],
        [
            (name, [fact_text(row[key]) if key in row else "–" for key in differing])
            for name, row in rows.items()
        ],
    )


def shared_facts(facts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Entries that all rows agree on."""
    first = facts[0]
    return {
        key: first[key] for key in first if all(key in f and f[key] == first[key] for f in facts)
    }


def differing_keys(facts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Keys on which rows disagree, or that some lack."""
    shared = shared_facts(facts)
    keys: Iterable[str] = dict.fromkeys(key for one in facts for key in one)
    return [key for key in keys if key not in shared]


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
    """`62 s in all, 48 s in models, busy 77 % of it; longest: extract 40 s`, and a full stop."""
    text = f"{timing.wall_s:,.0f} s in all, {timing.model_s:,.0f} s in models"
    if timing.busy_share is not None:
        text += f", busy {100 * timing.busy_share:.0f} % of it"
    stages = sorted(timing.stages.items(), key=lambda item: -item[1])[:5]
    longest = ", ".join(f"{name} {seconds:,.0f} s" for name, seconds in stages)
    return f"{text}; longest: {longest}." if longest else f"{text}."


def limits(run: Run) -> list[str]:
    """What the numbers can't tell."""
    row, num_pairs = run.results[0], len(run.contrasts)
    found = [
        f"One data set: {row.data}, with {row.num_train:,} training and {row.num_test:,} test "
        "images. Other images may answer differently.",
        "One split into training and test images, and one training of the head. The intervals "
        "say how far the test images carry, not how another split or training would come out.",
        "One head on frozen features. Fine-tuning or another task may rank the candidates "
        "differently.",
        "Time and memory are of one machine at batch 1. Multiply-adds are of the model and carry "
        "over; time does not.",
    ]
    if num_pairs > 1:
        found.append(
            f"{num_pairs} pairs were tested and no p-value in the table is corrected for that: "
            "one in twenty falls below 0.05 by chance where nothing differs. Those that verdicts "
            "are drawn from are corrected (Holm)."
        )
    return found
