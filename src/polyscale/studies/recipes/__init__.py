"""Experiments of the paper, each with one command."""

from polyscale.studies.recipes.estimate import (
    CandidateSize,
    Rates,
    RecipeSize,
    check_memory,
    fitting_per_class,
    measure_rates,
    size_recipe,
)
from polyscale.studies.recipes.prepare import Choices, PreparedRecipe, prepare_recipe
from polyscale.studies.recipes.recipe import Checkpoint, Entry, Recipe
from polyscale.studies.recipes.table import RECIPES, get_recipe
from polyscale.studies.recipes.weights import fetch_weights

__all__ = [
    "RECIPES",
    "CandidateSize",
    "Checkpoint",
    "Choices",
    "Entry",
    "PreparedRecipe",
    "Rates",
    "Recipe",
    "RecipeSize",
    "check_memory",
    "fetch_weights",
    "fitting_per_class",
    "get_recipe",
    "measure_rates",
    "prepare_recipe",
    "size_recipe",
]
