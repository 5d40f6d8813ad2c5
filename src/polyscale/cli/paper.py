"""`polyscale paper`."""

from pathlib import Path
from typing import Annotated

import typer

from polyscale.cli.console import make_table, output
from polyscale.progress import notes


def paper(
    table: Annotated[
        str | None,
        typer.Option(help="Print one table, for example classification (default: all)."),
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print the rows as CSV.")] = False,
    figure: Annotated[
        Path | None, typer.Option(help="Redraw Figure 2 into this .png, .svg or .pdf file.")
    ] = None,
) -> None:
    """Print the figures of the S² paper, and who dominates whom at equal cost.

    "GFLOPs as printed" are multiply-adds that the paper does not count in the same way in every
    row. The column beside them counts all rows in the same way.

    \b
    Examples:
        polyscale paper --table classification
        polyscale paper --csv
        polyscale paper --figure figure2.png
    """  # noqa: D301 - \b keeps the lines
    from polyscale.data.published import TABLES, load_paper, paper_csv
    from polyscale.errors import require

    if figure is not None:
        from polyscale.report.pictures import check_picture, write_picture

        check_picture(figure, argument="figure")
        require("scipy", extra="compare", feature="polyscale paper --figure")
        from polyscale.report.figure2 import draw_figure2

        write_picture(draw_figure2, figure)
        notes.print(f"figure: {figure}", soft_wrap=True)
        return
    if csv:
        typer.echo(paper_csv(table), nl=False)
        return
    require("scipy", extra="compare", feature="polyscale paper")
    from polyscale.report.published import call_lines, text_table

    for name in [table] if table else TABLES:
        shown = text_table(load_paper(name))
        output.print(make_table(shown.heads, shown.cells, numeric=shown.numeric, title=shown.title))
        for line in (*shown.footnotes, *call_lines(name)):
            output.print(f"  {line}", soft_wrap=True)
        output.print()
