"""`--config FILE.toml`: options of a command from a file; those that are typed come first."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from polyscale.errors import InputError, near_matches

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


OWN_FILE = "Every run writes one: compare.toml in its folder."


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


def read_values(option: str, texts: Iterable[str]) -> dict[str, Any]:
    """What an option NAME=VALUE says, given once or more.

    Values are read as in TOML; what is none, such as a word without quotes, is text.

    Raises:
        InputError: if a text has no name, or a name comes twice.
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
        try:
            values[name] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            values[name] = value
    return values


def _apply(ctx: typer.Context, path: Path | None) -> Path | None:
    """Make the file's values the defaults of this call."""
    if path is None or ctx.resilient_parsing:
        return path
    names = {
        option.removeprefix("--"): param.name
        for param in ctx.command.get_params(ctx)
        for option in param.opts
        if option.startswith("--") and param.name not in ("config", "help")
    }
    given = read_config(path)
    for key, value in given.items():
        if key not in names:
            raise InputError(
                f"config must hold options of polyscale {ctx.command.name}, but {str(path)!r} has "
                f"{key!r}.{near_matches(key, names)}"
            )
        if not isinstance(value, str | int | float | bool | list):
            raise InputError(f"{key} of {str(path)!r} must be one value, but got {value!r}.")
    ctx.default_map = {str(names[key]): value for key, value in given.items()}
    return path


ConfigOption = Annotated[
    Path | None,
    typer.Option(
        callback=_apply,
        is_eager=True,
        help="TOML file with options; a run writes its own as compare.toml.",
    ),
]
