"""Experiments of the paper, each with one command."""

from polyscale.studies.recipes.capacity import CAPACITIES, ImageNetCapacityRecipe
from polyscale.studies.recipes.find import ALL_RECIPES, AnyRecipe, find_recipe
from polyscale.studies.recipes.multimodal import (
    CATEGORIES,
    MULTIMODAL,
    VSTAR,
    Arm,
    LanguageWeights,
    MultimodalRecipe,
    StageRecipe,
)
from polyscale.studies.recipes.multimodal_run import (
    PreparedMultimodal,
    prepare_multimodal,
    right_shares,
    run_multimodal,
)
from polyscale.studies.recipes.picking import PICKINGS, PickingRecipe
from polyscale.studies.recipes.prepare import (
    PreparedRecipe,
    check_folders,
    fetch_weights,
    prepare_recipe,
)
from polyscale.studies.recipes.pretraining import PRETRAININGS, PretrainRecipe
from polyscale.studies.recipes.rates import Rates, measure_rates
from polyscale.studies.recipes.recipe import Checkpoint, Entry, Recipe
from polyscale.studies.recipes.reconstruction import RECONSTRUCTIONS, ReconstructionRecipe
from polyscale.studies.recipes.size import (
    CandidateSize,
    RecipeSize,
    check_memory,
    count_tiles,
    fitting_per_class,
    size_recipe,
)
from polyscale.studies.recipes.table import RECIPES, get_recipe

__all__ = [
    "ALL_RECIPES",
    "CAPACITIES",
    "CATEGORIES",
    "MULTIMODAL",
    "PICKINGS",
    "PRETRAININGS",
    "RECIPES",
    "RECONSTRUCTIONS",
    "VSTAR",
    "AnyRecipe",
    "Arm",
    "CandidateSize",
    "Checkpoint",
    "Entry",
    "ImageNetCapacityRecipe",
    "LanguageWeights",
    "MultimodalRecipe",
    "PickingRecipe",
    "PreparedMultimodal",
    "PreparedRecipe",
    "PretrainRecipe",
    "Rates",
    "Recipe",
    "RecipeSize",
    "ReconstructionRecipe",
    "StageRecipe",
    "check_folders",
    "check_memory",
    "count_tiles",
    "fetch_weights",
    "find_recipe",
    "fitting_per_class",
    "get_recipe",
    "measure_rates",
    "prepare_multimodal",
    "prepare_recipe",
    "right_shares",
    "run_multimodal",
    "size_recipe",
]
