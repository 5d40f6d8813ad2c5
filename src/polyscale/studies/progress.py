"""How a study tells what it is doing; the noun lies where every layer sees it."""

from polyscale.types import Progress, silent

__all__ = ["Progress", "silent"]
