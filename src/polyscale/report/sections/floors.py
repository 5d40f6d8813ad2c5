"""What the values are worth: compared with floors, ceilings and values on training images."""

from markupsafe import Markup

from polyscale.records import BoundKind, Contrast, Floor, TaskRecord
from polyscale.report.numbers import interval_limit
from polyscale.report.render import render
from polyscale.report.run import Run

FloorRow = tuple[Floor, Contrast | None, tuple[str, ...]]
"""A bound; the contrast of the best candidate with it; candidates not shown to be better."""


def floors_section(run: Run) -> Markup | None:
    """Bounds, and the metric on what heads learned from or are chosen on, if a run has either."""
    rows, ceilings = floor_rows(run), floor_rows(run, "ceiling")
    fits = [
        result
        for result in run.rows.values()
        if result.train_value is not None or run.task.chosen_on != TaskRecord.chosen_on
    ]
    if not rows and not ceilings and not fits:
        return None
    limit = interval_limit((c.ci_low, c.ci_high) for _, c, _ in (*rows, *ceilings) if c)
    return render("floors.html", run=run, floors=rows, ceilings=ceilings, fits=fits, limit=limit)


def floor_rows(run: Run, kind: BoundKind = "floor") -> list[FloorRow]:
    """Each bound of a kind, the highest first."""
    chosen = [floor for floor in run.floors if floor.kind == kind]
    ordered = sorted(chosen, key=lambda floor: -run.words.sign * floor.value)
    return [_row(run, floor) for floor in ordered]


def _row(run: Run, floor: Floor) -> FloorRow:
    contrasts = [c for c in floor.contrasts if c.first in run.rows]
    best = max(contrasts, key=lambda c: run.words.sign * c.difference, default=None)
    unbeaten = (run.names[c.first] for c in contrasts if not floor.beaten_by(c.first))
    return floor, best, tuple(unbeaten)
