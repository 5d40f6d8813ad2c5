"""Options and tables of all commands. Results go to stdout, the rest to stderr."""

import json
import sys
from collections.abc import Iterable, Sequence
from itertools import repeat
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from polyscale.progress import notes

PIPE_COLUMNS = 200
"""Width of tables in characters if output goes to a file or a pipe, so that they do not wrap."""

output = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else PIPE_COLUMNS)
errors = Console(stderr=True, highlight=False, markup=False)


def _silence(quiet: bool) -> bool:
    notes.quiet = quiet
    return quiet


ModelOption = Annotated[str, typer.Option(help="Name of a model; see polyscale models.")]
ScalesOption = Annotated[str, typer.Option(help="Scales, separated by commas.")]
BackboneOption = Annotated[
    str | None,
    typer.Option(help="Where the backbone's weights are now, if they have moved."),
]
DeviceOption = Annotated[
    str,
    typer.Option(help="Where models run: cpu, cuda, or auto (cuda if it is available)."),
]
SourceOption = Annotated[
    str,
    typer.Option(
        metavar="[native|base]",
        help="The image that larger scales are resized from: native (the original picture) or "
        "base (the picture at the model's own size).",
    ),
]
AspectOption = Annotated[
    str,
    typer.Option(metavar="[squash|keep|pad|slide]", help="How aspect ratios are handled."),
]
OverlapOption = Annotated[
    float, typer.Option(help="Overlap of neighbouring tiles, as a share of a tile, 0 to 0.9.")
]
CacheOption = Annotated[
    Path | None,
    typer.Option(
        help="Folder for features, which later runs reuse.",
        show_default="in the user's cache folder",
    ),
]
CacheLimitOption = Annotated[
    str,
    typer.Option(help="Disk space for features; those unused for longest are deleted first."),
]
QuietOption = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", callback=_silence, help="Print results and errors, but no progress."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the results as JSON.")]
LimitOption = Annotated[
    int | None,
    typer.Option(
        help="Use at most this many images of each split, drawn in proportion to the classes, for "
        "a quick trial (default: all).",
    ),
]


def make_table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numeric: Sequence[bool] | None = None,
    title: str | None = None,
) -> Table:
    """A table without lines; numeric columns, by default all but the first, are aligned right."""
    table = Table(title=title, title_justify="left", box=None)
    numeric = numeric or (False, *repeat(True, len(heads) - 1))
    for head, is_numeric in zip(heads, numeric, strict=True):
        table.add_column(head, justify="right" if is_numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def print_json(content: Any) -> None:
    """Print indented JSON, without escapes for letters such as é."""
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False))
