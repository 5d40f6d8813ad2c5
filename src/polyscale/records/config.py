"""`compare.toml`, the options that repeat a run, and other files of options: how they are read."""

import sys
from pathlib import Path
from typing import Any

from polyscale.errors import InputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CONFIG_FILE = "compare.toml"

OWN_FILE = f"Every run writes one: {CONFIG_FILE} in its folder."


def read_config(path: Path, *, advice: str = OWN_FILE) -> dict[str, Any]:
    """Name of an option → its value.

    Args:
        path: the TOML file.
        advice: what errors say to do.

    Raises:
        InputError: if the file cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"config must be a TOML file, but {str(path)!r} cannot be read ({reason}). {advice}"
        ) from error
