"""The progress of a study: bars in a terminal, and lines with the time in a log."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress
from rich.table import Column
from rich.text import Text

from polyscale.types import Progress

notes = Console(stderr=True, highlight=False, markup=False)
"""Progress and remarks, which `--quiet` leaves out."""

WIDE = 120
"""Columns of a terminal in which progress bars have their full length."""

SHORTEST = 12
"""Columns that the name of a step keeps in the narrowest terminal."""

PARTS = re.compile(r"(?:\w+:)?(.*?)(@.*|: .*)?")
"""The name of a step, such as `timm:vit_base@1,2: linear head`: model, and what follows it."""

HEARTBEAT_S = 60.0
"""Time between two lines of a log, while a step runs."""


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """What a study reports to: a bar for each step, or lines where the output is no terminal."""
    if not (notes.is_terminal or notes.is_jupyter):
        yield _Log()
        return
    columns = (
        _Step(),
        BarColumn(bar_width=40 if notes.width >= WIDE else 5),
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        _Rate(table_column=Column(no_wrap=True)),
        TimeElapsedColumn(table_column=Column(no_wrap=True)),
        TimeRemainingColumn(table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[note]}", table_column=Column(no_wrap=True)),
    )
    with RichProgress(*columns, console=notes) as progress:
        yield _Bars(progress)


def shorten(name: str, width: int) -> str:
    """A name without the end of its model's name: scales and steps stay, by which names differ.

    >>> shorten("timm:vit_base_patch16_224.augreg@1,2: linear head", 28)
    'vit_base_p…@1,2: linear head'
    """
    if len(name) <= width:
        return name
    model, rest = PARTS.fullmatch(name).groups("")  # type: ignore[union-attr]
    if len(model + rest) <= width:
        return model + rest
    start = f"{model[: max(width - len(rest) - 1, width // 3)]}…"
    return start + rest[max(len(start) + len(rest) - width, 0) :]


class _Name:
    """The name of a step, shortened to the room that is left for it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(shorten(self.name, options.max_width), no_wrap=True)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(min(SHORTEST, len(self.name)), len(self.name))


class _Step(ProgressColumn):
    """The name of the step, which gives way in narrow terminals so that the numbers stay."""

    def render(self, task: Task) -> _Name:
        return _Name(task.description)


class _Rate(ProgressColumn):
    """Units per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        unit = task.fields["unit"]
        rate = f"{speed:.1f} {unit}/s" if speed else ""
        return Text(rate, style="progress.data.speed", no_wrap=True)


class _Bars:
    """A study's progress as bars."""

    def __init__(self, progress: RichProgress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, step: str, done: int, total: int, unit: str, *, note: str = "") -> None:
        if step not in self._tasks:
            self._tasks[step] = self._progress.add_task(step, total=total, unit=unit, note=note)
        self._progress.update(self._tasks[step], completed=done, note=note)


class _Log:
    """A line when a step begins and when it ends, and one a minute between."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[float, int]] = {}

    def __call__(self, step: str, done: int, total: int, unit: str, *, note: str = "") -> None:
        last_s, last_done = self._told.get(step, (-HEARTBEAT_S, -1))
        now_s = time.monotonic()
        ends = done == total and last_done < total
        if not (ends or step not in self._told or now_s - last_s >= HEARTBEAT_S):
            return
        self._told[step] = now_s, done
        clock = datetime.now(timezone.utc).astimezone().strftime("%H:%M:%S")
        line = f"{clock} {step}: {done} of {total} {unit}"
        notes.print(f"{line}, {note}" if note else line, soft_wrap=True)
