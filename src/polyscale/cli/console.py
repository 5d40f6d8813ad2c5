"""Options, tables and progress bars of all commands. Results go to stdout, the rest to stderr."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table
from rich.text import Text

WIDE = 120
"""Columns of a terminal in which progress bars have their full length."""

PIPE_COLUMNS = 200
"""Columns of tables that go into a file or a pipe, where they need not be folded."""

ModelOption = Annotated[str, typer.Option(help="Name of a model; see polyscale models.")]
ScalesOption = Annotated[str, typer.Option(help="Scales, separated by commas.")]
DeviceOption = Annotated[str, typer.Option(help="Where models run, for example cuda.")]
CacheOption = Annotated[
    Path | None, typer.Option(help="Folder for features, which later runs reuse.")
]

LimitOption = Annotated[
    int | None,
    typer.Option(
        help="Use at most so many images of each split, drawn in proportion to the classes, for a "
        "quick trial (default: all).",
    ),
]

output = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else PIPE_COLUMNS)
errors = Console(stderr=True, highlight=False, markup=False)


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


class _Step(ProgressColumn):
    """The description, which is cut off in narrow terminals so that the numbers stay."""

    def render(self, task: Task) -> Text:
        return Text(task.description, no_wrap=True, overflow="ellipsis")


class _Rate(ProgressColumn):
    """Units per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        unit = task.fields["unit"]
        rate = f"{speed:.1f} {unit}/s" if speed else ""
        return Text(rate, style="progress.data.speed", no_wrap=True)


@contextmanager
def progress_bars() -> Iterator["_Bars"]:
    """A bar for each step, with its rate, remaining time and a note such as the loss."""
    columns = (
        _Step(),
        BarColumn(bar_width=40 if errors.width >= WIDE else 5),
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        _Rate(table_column=Column(no_wrap=True)),
        TimeElapsedColumn(table_column=Column(no_wrap=True)),
        TimeRemainingColumn(table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[note]}", table_column=Column(no_wrap=True)),
    )
    with Progress(*columns, console=errors) as progress:
        yield _Bars(progress)


class _Bars:
    """A study's progress as bars."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, step: str, done: int, total: int, unit: str, *, note: str = "") -> None:
        if step not in self._tasks:
            self._tasks[step] = self._progress.add_task(step, total=total, unit=unit, note=note)
        self._progress.update(self._tasks[step], completed=done, note=note)
