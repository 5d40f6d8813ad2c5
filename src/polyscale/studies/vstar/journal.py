"""Answers as they come, so that a run that was killed goes on where it stopped.

The file lies beside the folder of the run and is gone when that is complete. Its first line holds
the facts of the run, each further one the answers to a batch of questions. Floating-point numbers
are written so that they read the same.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from polyscale.errors import InputError, RunError
from polyscale.records import Answer, FieldError, decode

ENDING = ".answers.jsonl"


class Journal:
    """The file of a run whose folder will be `out`.

    Args:
        out: the folder.
        facts: all that answers depend on, as JSON.

    Raises:
        InputError: if the file is of another run.
        RunError: if the disk refuses.
    """

    def __init__(self, out: Path, facts: Mapping[str, Any]) -> None:
        self.path = out.absolute().with_name(out.absolute().name + ENDING)
        self.answers = self._read(facts)

    def add(self, answers: Sequence[Answer]) -> None:
        """Keep the answers to a batch.

        Raises:
            RunError: if the disk refuses.
        """
        self._write("a", json.dumps([answer.to_dict() for answer in answers]))
        self.answers += answers

    def remove(self) -> None:
        """The run is complete."""
        with suppress(OSError):
            self.path.unlink()

    def _read(self, facts: Mapping[str, Any]) -> list[Answer]:
        """The answers that are there. A line that was cut off in the middle is dropped."""
        try:
            lines = self.path.read_text(encoding="utf-8", errors="replace").split("\n")
        except FileNotFoundError:
            lines = []
        first, *whole = lines[:-1] or [""]
        if not first:
            self._write("w", json.dumps(dict(facts)))
            return []
        self._check_facts(first, json.loads(json.dumps(dict(facts))))
        self._write("w", "\n".join([first, *whole]))  # without what was cut off
        try:
            return [
                answer for line in whole for answer in decode(tuple[Answer, ...], json.loads(line))
            ]
        except (FieldError, ValueError, RecursionError) as error:
            raise InputError(
                f"{str(self.path)!r} must be as it was written, but is damaged ({error}). "
                "Delete it; its questions are asked again."
            ) from error

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

    def _write(self, mode: str, line: str) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open(mode, encoding="utf-8") as file:
                file.write(f"{line}\n")
        except OSError as error:
            raise RunError(
                f"{str(self.path)!r} cannot be written ({error.strerror or error}). Make room, "
                "and give the same command again."
            ) from error
