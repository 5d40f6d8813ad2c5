"""`compare.toml`, the options that repeat a run, and other files of options: how they are read."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
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


def read_values(
    option: str, texts: Iterable[str], *, own: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    """What an option NAME=VALUE says, given once or more.

    Values are read as in TOML; what is none, such as a word without quotes, is text.

    Args:
        option: its name, without hyphens before it.
        texts: what was given.
        own: names that are refused because they have an option of their own → that option.

    Raises:
        InputError: if a text has no name, or a name comes twice or is one of `own`.
    """
    values: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not name or name in values:
            raise InputError(
                f"{option} must be NAME=VALUE with each name once, but got {text!r}. "
                f"Example: --{option} depth=6"
            )
        if name in own:
            raise InputError(
                f"--{option} must not give {name}, which has an option of its own. "
                f"Use {own[name]} instead."
            )
        try:
            values[name] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            values[name] = value
    return values
