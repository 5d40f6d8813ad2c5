"""Recognises a repeated command by its words and the files it reads, before torch is loaded."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

COMMAND_FILE = "command.json"

PRINTING = {"--json", "-q", "--quiet"}
"""Options that change only what is printed."""


def command_record(words: Sequence[str], files: Iterable[Path]) -> dict[str, Any]:
    """What determines a run: the command, the working directory, and the files that it reads.

    Only names, sizes and times of files are looked at, so this is fast.

    Args:
        words: the command as it was typed.
        files: files and folders that it reads.
    """
    places = sorted({str(file) for file in files})
    return {
        "polyscale": version("polyscale"),
        "folder": str(Path.cwd()),
        "words": [word for word in words if word not in PRINTING],
        "files": places,
        "stamp": _stamp(places),
    }


def keep_command(record: dict[str, Any], folder: Path, answers: Sequence[str]) -> None:
    """Write the record into the folder of its complete run, with its answers and its files."""
    names = [path.relative_to(folder).as_posix() for path in _files_below(folder)]
    content = json.dumps(
        {**record, "holds": sorted(names), "answers": list(answers)}, indent=2, ensure_ascii=False
    )
    (folder / COMMAND_FILE).write_text(content, encoding="utf-8")


def repeated_run(words: Sequence[str]) -> tuple[Path, list[str]] | None:
    """The folder of a complete run of the same command, and the answers of the run.

    None does not mean that there is no such run: runs with failed candidates, and runs that read
    files that are not known, are recognised later, when images and weights are compared.
    """
    out = _value_of("--out", words)
    try:
        known = json.loads((Path(out) / COMMAND_FILE).read_text(encoding="utf-8"))
        whole = all((Path(out) / name).is_file() for name in known.pop("holds"))
        answers = [str(answer) for answer in known.pop("answers")]
        if whole and known == command_record(words, known["files"]):
            return Path(out), answers
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        pass
    return None


def _value_of(option: str, words: Sequence[str]) -> str:
    """The last value of an option, or a name that no folder has."""
    pairs = [*pairwise(words), *(word.split("=", 1) for word in words)]
    values = [pair[1] for pair in pairs if len(pair) == 2 and pair[0] == option]
    return values[-1] if values else "\0"


def _stamp(places: Iterable[str]) -> str:
    """A hash of the size and the times of all files at these places.

    The change time counts too, because programs that copy files may reset the modification time.
    """
    digest = blake2b(digest_size=16)
    for place in places:
        for file in sorted(_files_below(Path(place))):
            stat = file.stat()
            line = f"{file}\0{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}\n"
            digest.update(os.fsencode(line))
    return digest.hexdigest()


def _files_below(place: Path) -> Iterator[Path]:
    """The file itself, or all in a folder and, behind links too, in those below it."""
    if not place.is_dir():
        yield place
        return
    entered: set[str] = set()
    for folder, below, names in os.walk(place, followlinks=True):
        real = os.path.realpath(folder)
        if real in entered:  # links in a circle
            below.clear()
            continue
        entered.add(real)
        yield from (Path(folder, name) for name in names)
