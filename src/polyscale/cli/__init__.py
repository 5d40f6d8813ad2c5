"""The command line: one file a verb, no logic."""

import sys

from polyscale.errors import MissingExtraError, require


def main() -> None:
    """Run the command line, or say which extra brings what it needs."""
    try:
        for package in ("typer", "rich"):
            require(package, extra="compare", feature="The command polyscale")
    except MissingExtraError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)
    from polyscale.cli.app import main as run

    run()
