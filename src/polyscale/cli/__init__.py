"""The command line: one file for each command, without logic."""

import signal
import sys
from importlib.util import find_spec


def main() -> None:
    """Run the command line, or say which extra has a package that is missing."""
    try:
        from polyscale.cli.app import main as run

        run()
    except KeyboardInterrupt:  # before the command itself begins
        sys.exit(128 + signal.SIGINT)
    except ModuleNotFoundError as error:
        package = str(error.name).split(".")[0]
        if find_spec(package) is not None:  # a fault of polyscale, or of that package
            raise
        sys.stderr.write(
            f"error: This command needs the package '{package}', which is not installed. "
            "Run: pip install 'polyscale[compare]'\n"
        )
        sys.exit(2)
