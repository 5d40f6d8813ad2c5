"""Local folders stand wherever a hub name does."""

from pathlib import Path

from polyscale.errors import InputError


def local_folder(name: str) -> Path | None:
    """The folder that `name` means, or None where it is a name of a hub.

    Raises:
        InputError: if it is clearly meant as a path and no such folder exists.
    """
    try:
        folder = Path(name).expanduser()
        if name and folder.is_dir():
            return folder.resolve()
    except (OSError, RuntimeError):  # a name too long for a path, a home that does not exist
        pass
    if name.startswith((".", "/", "~")):
        raise InputError(f"model folder {name!r} does not exist. Check the path.")
    return None
