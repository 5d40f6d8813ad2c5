"""The HTML page: sections in their order, and a list of links to them."""

import re
from collections.abc import Sequence

from markupsafe import Markup, escape

from polyscale.report.render import render
from polyscale.report.run import Run
from polyscale.report.sections import ABOUT, FINDINGS, Section
from polyscale.report.sections.candidates import candidates_table
from polyscale.report.words import plain_answers

_LINK = re.compile(r'<(?:section|header)[^>]* id="([\w-]+)" data-nav="([^"]*)"')
"""A section that is to be in the list of links says so in its first element."""


def render_page(run: Run, sections: Sequence[Section] = ()) -> str:
    """The report as one self-contained page.

    Args:
        run: what was found.
        sections: further ones, shown before the data and the method.
    """
    found = [part for s in (*FINDINGS, *sections, *ABOUT) if (part := s(run)) is not None]
    parts = [escape(part) for part in found]
    links = [match.groups() for part in parts for match in _LINK.finditer(part)]
    nav = render("nav.html", links=[(id_, Markup(title)) for id_, title in links])  # noqa: S704
    title = f"Do you need a larger vision model? {run.results[0].data}, {run.date}"
    return _page(title, [parts[0], nav, *parts[1:]], [run])


def render_side_by_side(runs: Sequence[Run], note: str) -> str:
    """Runs that are not compared with each other, one after the other.

    Args:
        runs: what was found.
        note: why they are not compared.
    """
    parts = [
        render(
            "side_by_side.html",
            run=run,
            row=run.results[0],
            answers=plain_answers(run),
            table=candidates_table(run),
        )
        for run in runs
    ]
    head = render("side_by_side_head.html", num_runs=len(runs), note=note)
    title = f"{len(runs)} runs side by side, {max(run.date for run in runs)}"
    return _page(title, [head, *parts], runs)


def _page(title: str, parts: Sequence[Markup], runs: Sequence[Run]) -> str:
    files = " or ".join(sorted({run.task.images_file for run in runs}))
    body = Markup("\n").join(parts)
    return str(render("page.html", title=title, body=body, files=files, num_runs=len(runs)))
