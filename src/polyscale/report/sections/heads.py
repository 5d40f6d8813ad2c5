"""What heads of maps saw: the grid, results of other grids, and whether the training converged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from markupsafe import Markup

from polyscale.records import Result
from polyscale.records.codec import damaged
from polyscale.report.numbers import NBSP, percent, three_digits
from polyscale.report.render import render
from polyscale.report.run import Run


@dataclass(frozen=True)
class GridRow:
    """A candidate on one grid; numbers are text, a dash where they were not measured."""

    candidate: str
    cells: str
    is_used: bool
    value: str
    macs: str
    seconds: str
    training: str


def heads_section(run: Run) -> Markup | None:
    """One row for each grid that was tried, where heads see maps."""
    results = [result for result in run.results if "grid_hw" in result.probe]
    try:
        rows = [row for result in results for row in grid_rows(run, result)]
    except (TypeError, KeyError, ValueError, IndexError) as error:
        raise damaged(Path(run.folder) / "results.json", f"probe: {error!r}") from error
    is_chosen = any("grids" in result.probe for result in results)
    return render("heads.html", run=run, rows=rows, is_chosen=is_chosen) if rows else None


def grid_rows(run: Run, result: Result) -> list[GridRow]:
    """The grids that were tried for a candidate; or the one that was given."""
    used, trained = result.probe["grid_hw"], training_text(result.probe)
    trials = result.probe.get("grids")
    if trials is None:
        return [GridRow(result.candidate, _cells(used), True, "–", "–", "–", trained)]
    return [
        GridRow(
            result.candidate,
            _cells(trial["grid_hw"]),
            trial["grid_hw"] == used,
            run.words.value(trial["value"]),
            f"{three_digits(trial['macs'] / 1e6)}{NBSP}M",
            f"{trial['train_s']:,.0f}{NBSP}s",
            trained if trial["grid_hw"] == used else training_text(trial),
        )
        for trial in trials
    ]


def training_text(probe: Mapping[str, Any]) -> str:
    """Whether the head's training converged: by its gradient, or by the end of its loss curve."""
    if "converged" in probe:
        ended = "converged" if probe["converged"] else "did not converge"
        on = "" if probe.get("all_cells", True) else f", on a sample of {probe['pixels']:,} pixels"
        return f"{ended}{on}: gradient {probe['gradient_ratio']:.0e} of its start"
    losses = probe.get("losses", ())
    if len(losses) < 2:
        return "not trained"
    return f"{probe['steps']:,} steps; in the last fifth the loss fell by {percent(_fall(losses))}"


def _fall(losses: Sequence[float]) -> float:
    """How far the mean of a curve's last fifth is below that of the fifth before, as a share."""
    size = max(1, len(losses) // 5)
    before, last = fmean(losses[-2 * size : -size]), fmean(losses[-size:])
    return max(0.0, 1 - last / before) if before > 0 else 0.0


def _cells(grid_hw: Sequence[int]) -> str:
    return f"{grid_hw[0]}×{grid_hw[1]}"
