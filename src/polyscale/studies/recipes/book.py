"""The recipes, by their names."""

from functools import cache

from polyscale.errors import InputError, near_matches
from polyscale.studies.recipes.ade20k import ade20k_recipes
from polyscale.studies.recipes.imagenet import imagenet_recipes
from polyscale.studies.recipes.nyu import nyu_recipes
from polyscale.types.recipe import Recipe


@cache
def recipes() -> dict[str, Recipe]:
    """Every recipe by its name."""
    found = (*imagenet_recipes(), *ade20k_recipes(), *nyu_recipes())
    return {recipe.name: recipe for recipe in found}


def get_recipe(name: str) -> Recipe:
    """A recipe by its name.

    Raises:
        InputError: if there is none; near matches are named.
    """
    known = recipes()
    if name not in known:
        raise InputError(
            f"recipe must be one of {', '.join(known)}, but got {name!r}."
            f"{near_matches(name, known)}"
        )
    return known[name]
