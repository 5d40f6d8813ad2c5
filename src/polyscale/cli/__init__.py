"""The command line: one file a verb, no logic."""

from polyscale.cli.app import main

__all__ = ["main"]
