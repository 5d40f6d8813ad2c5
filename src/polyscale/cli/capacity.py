"""`polyscale capacity`: a comparison whose task is capacity."""

from pathlib import Path
from typing import Annotated

import typer

from polyscale.cli.compare import compare
from polyscale.cli.console import CacheOption, JsonOption, LimitOption, QuietOption


def capacity(
    ctx: typer.Context,
    data: Annotated[str, typer.Option(help="Images with classes, for example folder:PATH.")],
    out: Annotated[Path, typer.Option(help="New folder for the results and the report.")],
    candidates: Annotated[
        list[str],
        typer.Option(help="Models and scales to compare: SOURCE@SCALES, separated by spaces."),
    ],
    more: Annotated[list[str] | None, typer.Argument(hidden=True, metavar="CANDIDATE")] = None,
    family: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=A,B", help="Models of one family; see polyscale compare."),
    ] = None,
    limit: LimitOption = None,
    cache: CacheOption = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Do not keep features.")] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Measure how well a linear layer on frozen features fits its training images.

    Two layers are trained: one with every image as its own class, and one with the true classes. A
    lower loss after the same budget means more capacity. Wider features need a larger layer; the
    report has controls for that. Use more images than features. Give the same command again to
    continue an interrupted run.

    \b
    Examples:
        polyscale capacity --data fashion-mnist --limit 5000 --out runs/capacity --candidates \\
            pip:efficientnet_lite0@1 pip:efficientnet_lite0@1,2 pip:efficientnet_lite2@1
    """  # noqa: D301 - \b keeps the lines
    compare(
        ctx,
        data=data,
        out=out,
        candidates=candidates,
        more=more,
        task=ctx.command.name,
        family=family,
        limit=limit,
        cache=cache,
        no_cache=no_cache,
        as_json=as_json,
    )
