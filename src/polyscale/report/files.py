"""Files of a run: there, whole, and if not, which; and files that we write, whole or not at all."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from polyscale.errors import InputError, RunError

Read = TypeVar("Read")

AGAIN = "Run polyscale compare again."


def check_exists(path: Path) -> None:
    """Refuse a file that is not there.

    Raises:
        InputError: if it is not.
    """
    if not path.is_file():
        raise InputError(
            f"{path} must be a file that polyscale compare wrote, but is missing. "
            "Name the folder of a finished run."
        )


def damaged(path: Path, reason: object) -> InputError:
    """The error of a file that cannot be read, in one line."""
    first_line = str(reason).partition("\n")[0]
    return InputError(f"{path} must be as polyscale compare wrote it, but: {first_line}. {AGAIN}")


def read_json(path: Path, make: Callable[[Any], Read]) -> Read:
    """Read a file and make something of what it holds.

    Raises:
        InputError: if it is missing, no JSON, or `make` does not find what it looks for.
    """
    check_exists(path)
    try:
        return make(json.loads(path.read_bytes()))
    except KeyError as error:
        raise damaged(path, f"{error} is missing") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise damaged(path, error) from error


def replace_file(path: Path, content: bytes) -> None:
    """Put a whole file in place: a reader sees the old one or the new one, never a part.

    Raises:
        RunError: if the folder or the disk refuses.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        raise RunError(
            f"{path} cannot be written ({error.strerror or error}). Choose another place."
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
