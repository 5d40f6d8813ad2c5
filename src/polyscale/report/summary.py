"""A run in a notebook: its headline, a table and the chart."""

from polyscale.report.curves import draw_png
from polyscale.report.render import render
from polyscale.report.run import Run
from polyscale.report.words import plain_answers


def render_summary(run: Run) -> str:
    """An HTML fragment that brings its own style, for light and dark notebooks."""
    headline, *sentences = plain_answers(run)
    context = {"headline": headline, "sentences": sentences, "picture": draw_png(run)}
    return str(render("summary.html", run=run, **context))
