"""`polyscale recipe list|show|run`: one module for each kind of recipe."""

from polyscale.cli.recipe.command import recipe

__all__ = ["recipe"]
