"""`polyscale report`."""

from pathlib import Path
from typing import Annotated

import typer

from polyscale.cli.console import notes, output


def report(
    runs: Annotated[
        list[Path], typer.Argument(help="Folders of runs, written by polyscale compare.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="HTML file to write (required for several runs)."),
    ] = None,
) -> None:
    """Write the report of a run again, or one report of several runs. No model runs.

    \b
    Examples:
        polyscale report runs/rooms
        polyscale report runs/monday runs/tuesday --out both.html
    """  # noqa: D301 - \b keeps the lines
    from polyscale.report import draw_report

    written = draw_report(runs, out)
    for note in written.notes:
        notes.print(f"note: {note}", soft_wrap=True)
    for answer in written.answers:
        output.print(answer, soft_wrap=True)
    output.print(f"report: {written.path}", soft_wrap=True)
