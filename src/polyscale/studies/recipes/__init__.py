"""Experiments of the paper, each with one command."""

from polyscale.studies.recipes.book import get_recipe, recipes
from polyscale.studies.recipes.ready import ReadyRecipe, ready_recipe
from polyscale.studies.recipes.size import RecipeSize, check_memory, size_ready, size_recipe
from polyscale.studies.recipes.task import Choices
from polyscale.studies.recipes.times import RecipeTimes, time_recipe
from polyscale.studies.recipes.weights import fetch_weights

__all__ = [
    "Choices",
    "ReadyRecipe",
    "RecipeSize",
    "RecipeTimes",
    "check_memory",
    "fetch_weights",
    "get_recipe",
    "ready_recipe",
    "recipes",
    "size_ready",
    "size_recipe",
    "time_recipe",
]
