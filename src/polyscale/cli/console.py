"""Data to stdout, the rest to stderr."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

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
from rich.text import Text

PIPE_COLUMNS = 200
"""Into a file or a pipe, tables need not fold."""

output = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else PIPE_COLUMNS)
errors = Console(stderr=True, highlight=False, markup=False)


class _Rate(ProgressColumn):
    """Units a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        unit = task.fields["unit"]
        return Text(f"{speed:.1f} {unit}/s" if speed else "", style="progress.data.speed")


@contextmanager
def progress_bars() -> Iterator["_Bars"]:
    """Bars with rate, remaining time and a note such as the loss, one a step, on stderr."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
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
