"""`python -m polyscale`: the command line."""

from polyscale.cli import main

main()
