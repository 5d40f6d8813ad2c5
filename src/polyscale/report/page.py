"""The HTML page: sections in their order, and a list of links to them."""

import re
from collections.abc import Sequence

from markupsafe import Markup, escape

from polyscale.records import Look
from polyscale.report.render import render
from polyscale.report.run import Run
from polyscale.report.sections import ABOUT, FINDINGS, Section
from polyscale.report.sections.candidates import candidates_table
from polyscale.report.sections.data import data_part
from polyscale.report.words import heading, plain_answers

_LINK = re.compile(r'<(?:section|header)[^>]* id="([\w-]+)" data-nav="([^"]*)"')
"""A section that is to be in the list of links says so in its first element."""


def render_page(run: Run, sections: Sequence[Section] = ()) -> str:
    """The report as one self-contained page; further sections stand before the method."""
    shown = [section(run) for section in (*FINDINGS, *sections, *ABOUT)]
    parts = [escape(part) for part in shown if part is not None]
    title = f"{heading(run)} {run.results[0].data}, {run.date}"
    return _page(title, parts, [run])


def render_side_by_side(runs: Sequence[Run], note: str) -> str:
    """Runs one after the other, with a note why they are not compared with each other."""
    shown = [(run, plain_answers(run), candidates_table(run)) for run in runs]
    title = f"{len(runs)} runs side by side, {max(run.date for run in runs)}"
    return _page(title, [render("side_by_side.html", note=note, runs=shown)], runs)


def render_look(look: Look) -> str:
    """A data set, before any model runs, as one self-contained page."""
    title = f"A look at {look.data.name}"
    return _page(title, [data_part(look)], [])


def _page(title: str, parts: Sequence[Markup], runs: Sequence[Run]) -> str:
    links = [match.groups() for part in parts for match in _LINK.finditer(part)] if runs else []
    return render(
        "page.html",
        title=title,
        head=parts[0],
        links=[(id_, Markup(title)) for id_, title in links],  # noqa: S704
        body=Markup("\n").join(parts[1:]),
        files=" or ".join(sorted({run.task.images_file for run in runs})),
        num_runs=len(runs),
    )
