"""All recipes by their names."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

from polyscale.errors import InputError, near_matches
from polyscale.studies.recipes.capacity import CAPACITIES, ImageNetCapacityRecipe
from polyscale.studies.recipes.multimodal import MULTIMODAL, MultimodalRecipe
from polyscale.studies.recipes.picking import PICKINGS, PickingRecipe
from polyscale.studies.recipes.pretraining import PRETRAININGS, PretrainRecipe
from polyscale.studies.recipes.recipe import Recipe
from polyscale.studies.recipes.reconstruction import RECONSTRUCTIONS, ReconstructionRecipe
from polyscale.studies.recipes.table import RECIPES

AnyRecipe: TypeAlias = (
    Recipe
    | MultimodalRecipe
    | ReconstructionRecipe
    | ImageNetCapacityRecipe
    | PretrainRecipe
    | PickingRecipe
)

ALL_RECIPES: Mapping[str, AnyRecipe] = MappingProxyType(
    {**RECIPES, **MULTIMODAL, **RECONSTRUCTIONS, **CAPACITIES, **PRETRAININGS, **PICKINGS}
)
"""Every recipe by its name, the kinds one after the other."""


def find_recipe(name: str) -> AnyRecipe:
    """The recipe of this name, of whatever kind.

    Raises:
        InputError: if there is none; the message names close matches.
    """
    if name not in ALL_RECIPES:
        raise InputError(
            f"recipe must be one of {', '.join(ALL_RECIPES)}, but got {name!r}."
            f"{near_matches(name, ALL_RECIPES)}"
        )
    return ALL_RECIPES[name]
