"""The log of runs: one line for each row of each run, in a file beside their folders."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from polyscale.errors import InputError
from polyscale.records.codec import FieldError, Record, check_exists, damaged
from polyscale.records.metric import TaskRecord
from polyscale.records.result import Result

LOG_FILE = "runs.jsonl"
"""Name of the log in the folder that holds the folders of runs."""


@dataclass(frozen=True, kw_only=True)
class LogEntry(Record):
    """A row of a run, the name of the run's folder, and how the task is judged."""

    run: str
    task: TaskRecord
    row: Result


def append_log(path: Path, run: str, task: TaskRecord, rows: Sequence[Result]) -> None:
    """Add the rows of a run to a log, which is made if there is none."""
    entries = [LogEntry(run=run, task=task, row=row).to_dict() for row in rows]
    lines = "".join(f"{json.dumps(entry, allow_nan=False)}\n" for entry in entries)
    with path.open("a", encoding="utf-8") as log:
        log.write(lines)  # at once, so that rows of runs that end together are not mixed


def read_log(path: Path) -> list[LogEntry]:
    """Every row of a log, the oldest first.

    Raises:
        InputError: if there is no log, or a line is not as it was written.
    """
    check_exists(path)
    entries = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            entries.append(LogEntry.from_dict(json.loads(line)))
        except FieldError as error:
            raise InputError(f"{path}, line {number}: {error}. Delete the line.") from error
        except (ValueError, RecursionError) as error:
            raise damaged(Path(f"{path}, line {number}"), error) from error
    if not entries:
        raise InputError(f"{path} must hold at least one row of a run, but is empty.")
    return entries
