"""`polyscale`: all commands, and how errors are printed."""

import errno
import io
import os
import signal
import sys
from contextlib import suppress
from typing import Annotated, NoReturn

import typer

import polyscale
from polyscale.cli.cache import cache
from polyscale.cli.capacity import capacity
from polyscale.cli.compare import CompareCommand, TaskCommand, compare
from polyscale.cli.console import errors
from polyscale.cli.hard import hard
from polyscale.cli.llava import llava
from polyscale.cli.look import look
from polyscale.cli.models import models
from polyscale.cli.paper import paper
from polyscale.cli.plan import plan
from polyscale.cli.predict import predict
from polyscale.cli.pretrain import pretrain
from polyscale.cli.pretrain_arms import pretrain_arms
from polyscale.cli.recipe import recipe
from polyscale.cli.reconstruct import reconstruct
from polyscale.cli.report import report
from polyscale.cli.robot import robot
from polyscale.cli.seams import seams
from polyscale.cli.show import show
from polyscale.cli.vstar import vstar
from polyscale.errors import InputError, MissingExtraError, RunError

app = typer.Typer(
    help="Scale the image, not the model: do you need a larger vision model?",
    epilog="Start with: polyscale compare --help",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(cls=CompareCommand)(compare)
app.command(cls=TaskCommand)(capacity)
app.command()(look)
app.command()(hard)
for command in (reconstruct, predict, plan, models, show, seams, paper, pretrain, pretrain_arms):
    app.command()(command)
app.add_typer(recipe, name="recipe")
app.add_typer(llava, name="llava")
app.add_typer(robot, name="robot")
app.command()(report)
app.add_typer(vstar, name="vstar")
app.add_typer(cache, name="cache")


@app.callback(invoke_without_command=True)
def _top(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(f"polyscale {polyscale.__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line; the exit code is 2 for wrong use, 1 for failure, 130 for Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # not every terminal can show ² and →
            stream.reconfigure(errors="replace")
    try:
        app()
    except (InputError, MissingExtraError) as error:
        _fail(str(error), code=2)
    except RunError as error:
        _fail(str(error), code=1)
    except OSError as error:
        if error.errno not in (errno.ENAMETOOLONG, errno.ELOOP):
            raise
        _fail(f"{error.filename!r} cannot be used ({error.strerror}). Choose another path.", code=2)
    except SystemExit as ended:
        if ended.code == 128 + signal.SIGINT:  # typer's exit code after Ctrl-C
            errors.print("interrupted. Give the same command again to continue.", style="bold red")
            with suppress(OSError):  # the output may be closed
                sys.stdout.flush()
            os._exit(ended.code)  # Python would need seconds to unload torch's modules
        raise


def _fail(message: str, *, code: int) -> NoReturn:
    errors.print(f"error: {message}", style="bold red", soft_wrap=True)
    sys.exit(code)
