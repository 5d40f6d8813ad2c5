"""Answers as they come, so that a run that was killed goes on where it stopped.

The file lies beside the folder of the run and is gone when that is complete. Its first line holds
the facts of the run, each further one the answers to a batch of questions. Floating-point numbers
are written so that they read the same.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from polyscale.errors import InputError, RunError
from polyscale.features import one_process
from polyscale.records import Answer, FieldError, decode

ENDING = ".answers.jsonl"


@contextmanager
def open_journal(out: Path, facts: Mapping[str, Any], ids: Sequence[str]) -> Iterator["Journal"]:
    """The answers of a run so far, which no other process adds to meanwhile.

    Args:
        out: the folder of the run.
        facts: all that answers depend on, as JSON.
        ids: of the questions, in the order in which they are asked.

    Raises:
        InputError: if the file is of another run, or damaged.
        RunError: if the disk refuses, or another process is at the same run.
    """
    path = journal_path(out)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as error:
        raise _refused(path, error) from error
    with one_process(path):
        yield Journal(path, facts, ids)


class Journal:
    """The file of a run; see `open_journal`."""

    def __init__(self, path: Path, facts: Mapping[str, Any], ids: Sequence[str]) -> None:
        self.path = path
        self.answers: list[Answer] = []
        if lines := self._whole_lines():
            self._check_facts(lines[0], json.loads(json.dumps(dict(facts))))
            self.answers = self._decoded(lines[1:], ids)
        else:
            self._write(json.dumps(dict(facts)))

    def add(self, answers: Sequence[Answer]) -> None:
        """Keep the answers to a batch.

        Raises:
            RunError: if the disk refuses.
        """
        self._write(json.dumps([answer.to_dict() for answer in answers]))
        self.answers += answers

    def _whole_lines(self) -> list[str]:
        """The lines that are there. One that was cut off in the middle is taken out of the file."""
        try:
            content = self.path.read_bytes()
            whole = content[: content.rfind(b"\n") + 1]
            if len(whole) < len(content):
                os.truncate(self.path, len(whole))
        except OSError as error:
            raise _refused(self.path, error) from error
        return whole.decode("utf-8", errors="replace").split("\n")[:-1]

    def _decoded(self, lines: Sequence[str], ids: Sequence[str]) -> list[Answer]:
        try:
            answers = [a for line in lines for a in decode(tuple[Answer, ...], json.loads(line))]
            if [answer.id for answer in answers] != list(ids[: len(answers)]):
                raise ValueError("its answers are not to the questions in their order")
        except (FieldError, ValueError, RecursionError) as error:
            raise InputError(
                f"{str(self.path)!r} must be as it was written, but is damaged ({error}). "
                "Delete it; its questions are asked again."
            ) from error
        return answers

    def _check_facts(self, line: str, wanted: Mapping[str, Any]) -> None:
        try:
            known = json.loads(line)
            changed = [key for key, value in wanted.items() if known.get(key) != value]
        except (ValueError, AttributeError):
            changed = ["everything"]
        if changed:
            raise InputError(
                f"{str(self.path)!r} holds answers of another run that was not finished (it "
                f"differs in {' and '.join(changed)}). Choose another out, or delete the file."
            )

    def _write(self, line: str) -> None:
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")
        except OSError as error:
            raise _refused(self.path, error) from error


def _refused(path: Path, error: OSError) -> RunError:
    return RunError(
        f"{str(path)!r} cannot be written ({error.strerror or error}). Make room, "
        "and give the same command again."
    )


def journal_path(out: Path) -> Path:
    """Where the answers of a run are kept until it is complete."""
    return out.absolute().with_name(out.absolute().name + ENDING)
