"""`polyscale paper`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from polyscale.cli.console import errors, output


def paper(
    table: Annotated[
        str | None, typer.Option(help="One table, for example classification. Without it, all.")
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print the rows as CSV.")] = False,
    figure: Annotated[
        Path | None, typer.Option(help="Redraw Figure 2 into this file, .png or .svg.")
    ] = None,
) -> None:
    """The figures of the S² paper, and who dominates whom at equal cost.

    "GFLOPs as printed" are multiply-adds and not counted alike; the column beside them is.

    \b
    Examples:
        polyscale paper --table classification
        polyscale paper --csv
        polyscale paper --figure figure2.png
    """  # noqa: D301 - \b keeps the lines
    from polyscale.data.paper import TABLES, load_paper, paper_csv
    from polyscale.errors import require

    if figure is not None:
        for package in ("matplotlib", "scipy"):
            require(package, extra="compare", feature="polyscale paper --figure")
        from polyscale.report.paper_figure import write_figure

        write_figure(figure)
        errors.print(f"figure: {figure}", soft_wrap=True)
        return
    if csv:
        typer.echo(paper_csv(table), nl=False)
        return
    require("scipy", extra="compare", feature="polyscale paper")
    from polyscale.report.paper_text import call_lines, text_table

    for name in [table] if table else TABLES:
        shown = text_table(load_paper(name))
        grid = Table(title=shown.title, title_justify="left", box=None)
        for head, numeric in zip(shown.heads, shown.numeric, strict=True):
            grid.add_column(head, justify="right" if numeric else "left")
        for cells in shown.cells:
            grid.add_row(*cells)
        output.print(grid)
        for line in (*shown.footnotes, *call_lines(name)):
            output.print(f"  {line}", soft_wrap=True)
        output.print()
