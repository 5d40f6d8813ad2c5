"""Files that a report writes: whole or not at all."""

from contextlib import suppress
from pathlib import Path

from polyscale.errors import RunError


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
