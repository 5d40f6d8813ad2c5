"""A recipe and the user's choices → data, weights, settings and a plan.

No model runs here, and no image is decoded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from polyscale.data.listing import Listing
from polyscale.data.sources import list_source
from polyscale.errors import InputError, MissingExtraError, RunError, first_line
from polyscale.operator.backbones import load
from polyscale.studies.compare import ComparePlan, plan_compare
from polyscale.studies.recipes.recipe import Checkpoint, Recipe, weights_folder
from polyscale.studies.recipes.table import get_recipe
from polyscale.tasks import RunSettings
from polyscale.types import Candidate, Progress, silent


class Weighted(Protocol):
    """A recipe as far as its weights go."""

    @property
    def name(self) -> str:
        """Its name on the command line."""
        ...

    @property
    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """Each checkpoint once."""
        ...

    @property
    def repositories(self) -> tuple[Checkpoint, ...]:
        """One checkpoint for each repository."""
        ...


@dataclass(frozen=True, kw_only=True)
class PreparedRecipe:
    """A recipe together with the user's data, weights and choices.

    Attributes:
        recipe: the recipe, with the numbers of the user's images.
        weights_dir: folder of local weights, or None for the hub.
        data: the data set, as `plan_compare` takes it; None for a forecast alone.
        images: the files of the training split; None where there are no data.
        settings: settings of the comparison.
    """

    recipe: Recipe
    weights_dir: str | None
    data: str | None
    images: Listing | None
    settings: RunSettings

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The candidates, in the order of the recipe's entries."""
        return tuple(entry.candidate(self.weights_dir) for entry in self.recipe.entries)

    def plan(self, *, image_cache: Path | None = None, progress: Progress = silent) -> ComparePlan:
        """Read and check all images; see `plan_compare`."""
        return plan_compare(
            self.data,
            self.candidates,
            self.settings,
            task=self.recipe.task,
            image_cache=image_cache,
            progress=progress,
        )


def prepare_recipe(
    name: str,
    data: str | None,
    *,
    weights_dir: Path | None = None,
    per_class: int | None = None,
    limit: int | None = None,
    given: Mapping[str, Any] | None = None,
) -> PreparedRecipe:
    """Find the data and the weights of a recipe, within seconds.

    Args:
        name: name of the recipe.
        data: `imagenet:PATH`, `ade20k:PATH` or `nyu:PATH`; None is enough for a forecast, which
            then counts all images of the data set.
        weights_dir: folder with one folder for each checkpoint, named like the repository on the
            hub without its owner; None takes the weights from the hub.
        per_class: number of images to draw from each class of each split; ImageNet only.
        limit: number of images to draw from each split; ADE20K and NYUv2 only.
        given: options of the command line that change the settings, see `Recipe.settings`.

    Raises:
        InputError: if there is no such recipe, its task has no use for a choice, the data are not
            laid out as expected, or weights are missing from `weights_dir`.
        MissingExtraError: if a package is not installed.
    """
    recipe = get_recipe(name)
    settings = recipe.settings(given)
    folder = None if weights_dir is None else check_folders(recipe, weights_dir)
    if data is None:
        _refuse_samples(per_class=per_class, limit=limit)
        return PreparedRecipe(
            recipe=recipe, weights_dir=folder, data=None, images=None, settings=settings
        )
    scheme, _, path = data.partition(":")
    if scheme != recipe.data.scheme or not path:
        raise InputError(
            f"data of recipe {name} must be {recipe.data.scheme}:PATH, but got {data!r}. "
            "For other images use polyscale compare."
        )
    for option, number in (("per_class", per_class), ("limit", limit)):
        if number is not None:
            data = f"{data}{'&' if '?' in data else '?'}{option}={number}"
    listed = list_source(data, recipe.task, seed=settings.seed)
    train, test = listed.splits
    changes = {"num_train": len(train), "num_test": len(test)}
    if recipe.task == "classification":
        changes["num_classes"] = len(listed.class_names)
    return PreparedRecipe(
        recipe=recipe.with_data(**changes),
        weights_dir=folder,
        data=data,
        images=train,
        settings=settings,
    )


def _refuse_samples(**numbers: int | None) -> None:
    """A sample is drawn from data."""
    for option, number in numbers.items():
        if number is not None:
            name = option.replace("_", "-")
            raise InputError(
                f"{name} must not be given without data, but got {number}. Add --data."
            )


def fetch_weights(recipe: Weighted, weights_dir: str | None = None) -> None:
    """Load each checkpoint once, so that missing ones are reported before any image is read.

    Args:
        recipe: the recipe.
        weights_dir: folder of local weights, or None for the hub, from which they may be
            downloaded.

    Raises:
        RunError: if checkpoints cannot be loaded; the message names all of them and the reason for
            the first.
        MissingExtraError: if a package is not installed.
    """
    reasons = {c: _why_unusable(c, weights_dir) for c in recipe.checkpoints}
    # the same weights on tiles of two sizes are named once
    missing = {c.repository: reason for c, reason in reasons.items() if reason}
    if missing:
        folders = (weights_folder(repository) for repository in missing)
        raise RunError(
            f"recipe {recipe.name}: weights must be there or within reach, but "
            f"{len(missing)} of {len(recipe.repositories)} are not: "
            f"{', '.join(missing)}. The first: {next(iter(missing.values()))}. You can also put "
            f"working folders {', '.join(folders)} into one folder and give it as --weights-dir."
        )


def check_folders(recipe: Weighted, weights_dir: Path) -> str:
    """The absolute path of a folder that has a folder for each checkpoint."""
    folder = weights_dir.expanduser().resolve()
    missing = [c.folder for c in recipe.repositories if not (folder / c.folder).is_dir()]
    if missing:
        raise InputError(
            f"weights-dir must hold a folder for each checkpoint of {recipe.name}, but "
            f"{str(folder)!r} has no {', '.join(missing)}. Download each repository into a folder "
            "of that name, or leave weights-dir out to take them from the hub."
        )
    return str(folder)


def _why_unusable(checkpoint: Checkpoint, weights_dir: str | None) -> str:
    """Why a checkpoint cannot be used; empty if it can."""
    try:
        backbone = load(checkpoint.at(weights_dir))
    except MissingExtraError:
        raise
    except Exception as error:  # readers of damaged files raise all kinds of errors
        return first_line(error)
    # without mean and deviation, features would be wrong although they look right
    return "" if backbone.mean else "it has no preprocessor_config.json with mean and deviation"
