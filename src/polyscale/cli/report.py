"""`polyscale report`."""

from pathlib import Path
from typing import Annotated

import typer

from polyscale.cli.console import make_table, output
from polyscale.errors import InputError
from polyscale.progress import notes


def report(
    runs: Annotated[
        list[Path] | None, typer.Argument(help="Folders of runs, written by polyscale compare.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="HTML file to write (required for several runs)."),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(
            help="Rank the candidates of all runs in this log, the file runs.jsonl beside their "
            "folders, instead of writing a report."
        ),
    ] = None,
) -> None:
    """Write the report of a run again, or one report of several runs. No model runs.

    \b
    Examples:
        polyscale report runs/rooms
        polyscale report runs/monday runs/tuesday --out both.html
        polyscale report --log runs/runs.jsonl
    """  # noqa: D301 - \b keeps the lines
    from polyscale.report import draw_report

    if log is not None:
        if runs or out is not None:
            raise InputError("--log must be given without folders and --out. Leave them out.")
        _print_rankings(log)
        return
    if not runs:
        raise InputError("runs must hold at least one folder, but is empty. Name a finished run.")
    written = draw_report(runs, out)
    for note in written.notes:
        notes.print(f"note: {note}", soft_wrap=True)
    for answer in written.answers:
        output.print(answer, soft_wrap=True)
    output.print(f"report: {written.path}", soft_wrap=True)


def _print_rankings(log: Path) -> None:
    from polyscale.report.ranking import NUMERIC, rank_log

    for ranking in rank_log(log):
        title = ranking.title
        output.print(make_table(ranking.heads, ranking.cells, numeric=NUMERIC, title=title))
    notes.print(
        "Ranked by the test images: the first of many rows is first partly by luck. For "
        "differences with intervals, run: polyscale report RUN RUN --out both.html",
        soft_wrap=True,
    )
