"""Every kind of recipe."""

from polyscale.cli.recipe import (
    capacity,
    comparison,
    multimodal,
    picking,
    pretraining,
    reconstruction,
)
from polyscale.cli.recipe.kind import Kind
from polyscale.studies.recipes import AnyRecipe

KINDS = (
    comparison.KIND,
    multimodal.KIND,
    reconstruction.KIND,
    capacity.KIND,
    pretraining.KIND,
    picking.KIND,
)


def kind_of(recipe: AnyRecipe) -> Kind:
    """The kind of a recipe."""
    return next(kind for kind in KINDS if isinstance(recipe, kind.recipe))
