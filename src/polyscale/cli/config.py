"""`--config FILE.toml`: options of a command from a file; those that are typed come first."""

from pathlib import Path
from typing import Annotated

import typer

from polyscale.errors import InputError, near_matches
from polyscale.records.config import read_config


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
