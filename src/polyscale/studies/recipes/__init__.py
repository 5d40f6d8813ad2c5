"""Experiments of the paper, each with one command."""

from polyscale.studies.recipes.prepare import PreparedRecipe, fetch_weights, prepare_recipe
from polyscale.studies.recipes.rates import Rates, measure_rates
from polyscale.studies.recipes.recipe import Checkpoint, Entry, Recipe
from polyscale.studies.recipes.size import (
    CandidateSize,
    RecipeSize,
    check_memory,
    fitting_per_class,
    size_recipe,
)
from polyscale.studies.recipes.table import RECIPES, get_recipe

__all__ = [
    "RECIPES",
    "CandidateSize",
    "Checkpoint",
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
