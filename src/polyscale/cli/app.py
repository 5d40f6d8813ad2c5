"""`polyscale`: all commands together, and how errors are printed."""

import errno
import io
import os
import sys
from contextlib import suppress
from typing import Annotated

import typer

import polyscale
from polyscale.cli import INTERRUPTED
from polyscale.cli.compare import SettingsCommand, compare
from polyscale.cli.console import errors
from polyscale.cli.models import models
from polyscale.cli.paper import paper
from polyscale.cli.plan import plan
from polyscale.cli.predict import predict
from polyscale.cli.recipe import recipe
from polyscale.cli.report import report
from polyscale.cli.seams import seams
from polyscale.cli.show import show
from polyscale.errors import InputError, MissingExtraError, RunError

app = typer.Typer(
    help="Scale the image, not the model: do you need a larger vision model?",
    epilog="Start with: polyscale compare --help",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(cls=SettingsCommand)(compare)
app.command()(predict)
app.command()(plan)
app.command()(models)
app.command()(show)
app.command()(seams)
app.command()(paper)
app.add_typer(recipe, name="recipe")
app.command()(report)


@app.callback(invoke_without_command=True)
def _top(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(f"polyscale {polyscale.__version__}")
        raise typer.Exit


NO_PATHS = (errno.ENAMETOOLONG, errno.ELOOP)
"""Error numbers of the operating system for a path that is too long or has a loop of links."""


def main() -> None:
    """Run the command line; exit 2 for wrong use, 1 for failure, 130 for Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # not every terminal can show ² and →
            stream.reconfigure(errors="replace")
    try:
        app()
    except (InputError, MissingExtraError) as error:
        errors.print(f"error: {error}", style="bold red", soft_wrap=True)
        sys.exit(2)
    except RunError as error:
        errors.print(f"error: {error}", style="bold red", soft_wrap=True)
        sys.exit(1)
    except OSError as error:
        if error.errno not in NO_PATHS:
            raise
        told = f"{error.filename!r} is no path that can be used ({error.strerror}). Choose another."
        errors.print(f"error: {told}", style="bold red", soft_wrap=True)
        sys.exit(2)
    except SystemExit as left:
        if left.code == INTERRUPTED:  # into which typer turns Ctrl-C
            errors.print("interrupted. Give the same command again to continue.", style="bold red")
            with suppress(OSError):  # nobody reads any more
                sys.stdout.flush()
            os._exit(INTERRUPTED)  # Python would take seconds to take torch's modules apart
        raise
