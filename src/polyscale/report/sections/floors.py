"""What the values are worth: beside trivial answers, and beside those on training images."""

from markupsafe import Markup

from polyscale.records import Contrast, Floor
from polyscale.report.numbers import interval_limit
from polyscale.report.render import render
from polyscale.report.run import Run

FloorRow = tuple[Floor, Contrast | None, tuple[str, ...]]
"""A floor; the best candidate less the floor; names of candidates not shown to be better."""


def floors_section(run: Run) -> Markup | None:
    """Floors, and the metric on images that heads learned from, where a run holds either."""
    rows = floor_rows(run)
    fits = [result for result in run.rows.values() if result.train_value is not None]
    if not rows and not fits:
        return None
    limit = interval_limit((c.ci_low, c.ci_high) for _, c, _ in rows if c)
    return render("floors.html", run=run, floors=rows, fits=fits, limit=limit)


def floor_rows(run: Run) -> list[FloorRow]:
    """Each floor, the highest first."""
    ordered = sorted(run.floors, key=lambda floor: -run.words.sign * floor.value)
    return [_row(run, floor) for floor in ordered]


def _row(run: Run, floor: Floor) -> FloorRow:
    contrasts = [c for c in floor.contrasts if c.first in run.rows]
    best = max(contrasts, key=lambda c: run.words.sign * c.difference, default=None)
    unbeaten = (run.names[c.first] for c in contrasts if not floor.beaten_by(c.first))
    return floor, best, tuple(unbeaten)
