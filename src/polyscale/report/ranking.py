"""Rows of many runs in order, those that can be compared with each other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from polyscale.records import LogEntry, Result, read_log
from polyscale.report.merge import row_differences
from polyscale.report.metric_words import MetricWords
from polyscale.report.names import short_names
from polyscale.report.numbers import MACS, PARAMS

Column = tuple[str, bool, Callable[[LogEntry, MetricWords], str]]
"""A title, whether it is a column of numbers, and the text of a row."""

COLUMNS: tuple[Column, ...] = (
    ("value", True, lambda entry, words: words.value(entry.row.value)),
    ("95 % interval", True, lambda e, words: words.bounds(e.row.ci_low, e.row.ci_high)),
    ("in training", True, lambda entry, words: words.value(entry.row.selection_value)),
    (MACS.noun, True, lambda entry, words: MACS.text(entry.row.macs)),
    (PARAMS.noun, True, lambda entry, words: PARAMS.text(entry.row.params)),
    ("date", False, lambda entry, words: str(entry.row.settings.get("date", "–"))),
    ("run", False, lambda entry, words: entry.run),
)
NUMERIC = (True, False, *(is_numeric for _, is_numeric, _ in COLUMNS))
"""For each column of a ranking whether it holds numbers."""


@dataclass(frozen=True)
class Ranking:
    """Rows that can be compared, as a table.

    Attributes:
        title: what the rows share, and what keeps them from those of the first ranking.
        heads: titles of the columns.
        cells: text of each cell, the best row first.
    """

    title: str
    heads: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]


def rank_log(log: str | Path) -> list[Ranking]:
    """Rank the rows of a log of runs. Rows that can't be compared stand in rankings of their own.

    Rows can be compared if they are of the same task, metric, images, targets and source. If a
    candidate is in several runs, its newest row is taken.

    Args:
        log: the file `runs.jsonl` beside the folders of runs.

    Raises:
        InputError: if there is no log, or it is damaged.
    """
    groups: list[list[LogEntry]] = []
    for entry in read_log(Path(log)):
        known = (g for g in groups if not row_differences([g[0].row, entry.row]))
        group = next(known, None)
        if group is None:
            groups.append([entry])
        else:
            group.append(entry)
    groups = [list({entry.row.candidate: entry for entry in group}.values()) for group in groups]
    return [_ranking(group, groups[0][0].row) for group in groups]


def _ranking(entries: Sequence[LogEntry], first: Result) -> Ranking:
    words, row = MetricWords(entries[0].task.metric, entries[0].task.samples), entries[0].row
    apart = row_differences([first, row])
    title = f"{row.data}, {row.task}, source {row.source}, {row.num_test:,} {words.samples}"
    if apart:
        title += f". Not compared with the first ranking: it differs in {', '.join(apart)}"
    names = short_names([entry.row for entry in entries])
    ranked = sorted(entries, key=lambda entry: -words.sign * entry.row.value)
    cells = (
        (str(place), names[entry.row.candidate], *(text(entry, words) for *_, text in COLUMNS))
        for place, entry in enumerate(ranked, start=1)
    )
    _, *heads = (heading for heading, *_ in COLUMNS)
    return Ranking(title, ("", "candidate", words.title, *heads), tuple(cells))
