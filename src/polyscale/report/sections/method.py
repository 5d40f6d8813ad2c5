"""The data, how it was measured, and what that can't tell."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from polyscale.report.render import render
from polyscale.report.run import Run


def method_section(run: Run) -> Markup:
    """Terms, settings and versions, and the limits of it all; questions have their own terms."""
    trained = "Model" if run.questions else "Head"
    titles = {"probe": trained, "settings": "Settings", "versions": "Versions and hardware"}
    sections = []
    for field, title in titles.items():
        rows = {name: getattr(result, field) for name, result in run.rows.items()}
        sections.append((title, *facts(rows)))
    template = "questions_method.html" if run.questions else "method.html"
    return render(template, run=run, row=run.results[0], facts=sections)


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
    """A fact from JSON as a reader sees it; lists and mappings on one line.

    The keys of a mapping may be names, as of models, and stay as they are.
    """
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {fact_text(entry)}" for key, entry in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(fact_text(entry) for entry in value) or "–"
    return str(value)


def fact_name(key: object) -> str:
    """`num_train` → `num train`: a key as a reader sees it."""
    return str(key).replace("_", " ")
