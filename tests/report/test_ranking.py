from dataclasses import replace

import pytest

from polyscale.errors import InputError
from polyscale.records import append_log, read_log
from polyscale.report.ranking import NUMERIC, rank_log


@pytest.fixture
def log(tmp_path):
    return tmp_path / "runs.jsonl"


def test_what_is_appended_is_read_again(run, log):
    append_log(log, "monday", run.task, run.results[:2])
    append_log(log, "tuesday", run.task, run.results[2:])
    entries = read_log(log)
    assert [entry.row for entry in entries] == list(run.results)
    assert [entry.run for entry in entries][1:3] == ["monday", "tuesday"]
    assert {entry.task for entry in entries} == {run.task}


def test_the_best_comes_first_and_the_newest_row_of_a_candidate_stands(run, log):
    append_log(log, "old", run.task, [replace(run.results[0], value=1.0)])
    append_log(log, "new", run.task, run.results)
    (ranking,) = rank_log(log)
    assert len(ranking.cells) == len(run.results)
    assert {cells[-1] for cells in ranking.cells} == {"new"}
    values = [float(cells[2].split()[0]) for cells in ranking.cells]
    assert values == sorted(values, reverse=True)
    assert all(len(cells) == len(ranking.heads) == len(NUMERIC) for cells in ranking.cells)


def test_an_error_is_ranked_from_below(depth, log):
    append_log(log, "run", depth.task, depth.results)
    (ranking,) = rank_log(log)
    values = [float(cells[2].split()[0]) for cells in ranking.cells]
    assert values == sorted(values)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"data": "other"}, "it differs in data"),
        ({"source": "base"}, "it differs in source"),
        ({"settings": {"test_fingerprint": "x"}}, "train images, test images"),
    ],
)
def test_rows_that_cannot_be_compared_stand_apart(run, log, change, words):
    append_log(log, "one", run.task, run.results)
    append_log(log, "two", run.task, [replace(row, **change) for row in run.results[:1]])
    first, second = rank_log(log)
    assert len(first.cells) == len(run.results)
    assert len(second.cells) == 1
    assert "Not compared" not in first.title
    assert "Not compared with the first ranking" in second.title
    assert words in second.title


def test_rows_of_two_tasks_stand_apart(run, depth, log):
    append_log(log, "one", run.task, run.results)
    append_log(log, "two", depth.task, depth.results)
    assert [len(r.cells) for r in rank_log(log)] == [len(run.results), len(depth.results)]


@pytest.mark.parametrize("line", ["{", "[]", '{"run": "x"}', "\xff"])
def test_a_damaged_line_is_named(run, log, line):
    append_log(log, "one", run.task, run.results[:1])
    with log.open("a", encoding="latin-1") as opened:
        opened.write(line + "\n")
    with pytest.raises(InputError, match=r"runs.jsonl, line 2"):
        rank_log(log)


def test_a_log_that_is_not_there_is_refused(log):
    with pytest.raises(InputError, match=r"runs.jsonl must be a file"):
        rank_log(log)
    log.write_text("")
    with pytest.raises(InputError, match="must hold at least one row of a run, but is empty"):
        rank_log(log)
