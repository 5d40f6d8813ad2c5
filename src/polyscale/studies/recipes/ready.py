"""A recipe of the paper on the user's copy of its data: checked, then a plain comparison."""

from dataclasses import dataclass
from pathlib import Path

from polyscale.data.listing import Files
from polyscale.data.options import to_path
from polyscale.errors import InputError
from polyscale.studies.recipes.book import get_recipe
from polyscale.studies.recipes.task import Choices, check_choices
from polyscale.studies.recipes.tasks import TASKS
from polyscale.studies.recipes.weights import check_folders
from polyscale.studies.recipes.work import Counts
from polyscale.tasks import RunSettings
from polyscale.types import Candidate
from polyscale.types.recipe import Recipe


@dataclass(frozen=True)
class ReadyRecipe:
    """A recipe with data and weights; no model has run, and no image was decoded.

    Attributes:
        recipe: what is repeated.
        weights_dir: folder of local weights, or None for the hub.
        data: what `plan_compare` takes.
        images: of the training split, by their names.
        counts: of both splits.
        settings: of the comparison.
    """

    recipe: Recipe
    weights_dir: str | None
    data: str
    images: Files
    counts: Counts
    settings: RunSettings

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """What is compared, in the order of the recipe's entries."""
        return tuple(entry.candidate(self.weights_dir) for entry in self.recipe.entries)


def ready_recipe(
    name: str,
    data: str,
    *,
    weights_dir: Path | None = None,
    choices: Choices | None = None,
) -> ReadyRecipe:
    """Check what a recipe needs, in seconds.

    Args:
        name: of the recipe.
        data: `imagenet:PATH`, `ade20k:PATH` or `nyu:PATH`.
        weights_dir: folder with one folder a checkpoint, named like the hub's repository without
            its owner; None takes them from the hub.
        choices: everything else that the user chooses.

    Raises:
        InputError: if there is no such recipe, a choice is not one of its task, the data have
            another layout, or weights are not in `weights_dir`.
        MissingExtraError: if a package is not installed.
    """
    recipe, choices = get_recipe(name), choices or Choices()
    task = TASKS[recipe.task]
    check_choices(recipe, task, choices)
    folder = None if weights_dir is None else check_folders(recipe, weights_dir)
    listed = task.list(recipe, _place(recipe, data), choices)
    settings = task.settings(recipe, choices)
    return ReadyRecipe(recipe, folder, listed.data, listed.images, listed.counts, settings)


def _place(recipe: Recipe, data: str) -> str:
    """What stands behind the colon."""
    scheme, own = data.partition(":")[0], recipe.data.scheme
    rest = data.partition(":")[2]
    if scheme != own or not rest:
        raise InputError(
            f"data of recipe {recipe.name} must be {own}:PATH, but got {data!r}. "
            "For other images use polyscale compare."
        )
    if not to_path(rest).exists() and not to_path(rest.partition("?")[0]).exists():
        raise InputError(
            f"{own} folder {rest!r} does not exist. Check the path; a sample is --per-class N or "
            "--limit N."
        )
    return rest
