"""Files of a run: there, whole, and if not, which; and files that we write, whole or not at all."""

from contextlib import suppress
from pathlib import Path

from polyscale.errors import InputError, RunError

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
