"""The command line: one file a verb, no logic."""

import sys
from importlib.util import find_spec

INTERRUPTED = 130
"""Exit code after Ctrl-C."""


def main() -> None:
    """Run the command line, or say which extra brings a package that it needs."""
    try:
        from polyscale.cli.app import main as run

        run()
    except KeyboardInterrupt:  # before the command itself begins
        sys.exit(INTERRUPTED)
    except ModuleNotFoundError as error:
        package = str(error.name).split(".")[0]
        if find_spec(package) is not None:  # a mistake of ours, or of that package
            raise
        sys.stderr.write(
            f"error: This command needs the package '{package}', which is not installed. "
            "Run: pip install 'polyscale[compare]'\n"
        )
        sys.exit(2)
