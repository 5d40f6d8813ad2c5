"""A recipe of the paper on the user's copy of ImageNet: checked, then a plain comparison."""

from dataclasses import dataclass, replace
from pathlib import Path

from polyscale.data.classes import MIN_DRAWN
from polyscale.data.imagenet import list_imagenet
from polyscale.data.listing import Catalogue
from polyscale.data.splits import sample
from polyscale.errors import InputError, near_matches
from polyscale.studies import CompareSettings
from polyscale.studies.recipes.book import recipes
from polyscale.studies.recipes.weights import check_folders
from polyscale.types import Candidate
from polyscale.types.recipe import Recipe


@dataclass(frozen=True)
class ReadyRecipe:
    """A recipe with data and weights; no model has run, and no image was opened.

    Attributes:
        recipe: what is repeated.
        weights_dir: folder of local weights, or None for the hub.
        data: what `plan_compare` takes.
        catalogue: the images of both splits, by their names.
        settings: of the comparison.
    """

    recipe: Recipe
    weights_dir: str | None
    data: str
    catalogue: Catalogue
    settings: CompareSettings

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """What is compared, in the order of the recipe's entries."""
        return tuple(entry.candidate(self.weights_dir) for entry in self.recipe.entries)


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


def ready_recipe(
    name: str,
    data: str,
    *,
    weights_dir: Path | None = None,
    per_class: int | None = None,
    dtype: str | None = None,
    seed: int = 0,
    device: str = "cpu",
) -> ReadyRecipe:
    """Check what a recipe needs, in seconds.

    Args:
        name: of the recipe.
        data: `imagenet:PATH`.
        weights_dir: folder with one folder a checkpoint, named like the hub's repository without
            its owner; None takes them from the hub.
        per_class: images of each class to draw from each split; None takes all.
        dtype: what backbones compute in; None is the recipe's.
        seed: of the sample, the probe and resampling.
        device: where models run.

    Raises:
        InputError: if there is no such recipe, the data have another layout, or weights are not
            in `weights_dir`.
    """
    recipe = get_recipe(name)
    folder = None if weights_dir is None else check_folders(recipe, weights_dir)
    data, path = _check_data(data, per_class)
    catalogue = list_imagenet(path)
    if per_class is not None:
        assert catalogue.test is not None
        catalogue = replace(
            catalogue,
            train=sample(catalogue.train, per_class, seed=seed),
            test=sample(catalogue.test, per_class, seed=seed),
        )
    settings = CompareSettings(
        source=recipe.source,
        dtype=dtype or recipe.dtype,  # type: ignore[arg-type]  # checked there
        seed=seed,
        device=device,
        protocol=recipe.protocol,
    )
    return ReadyRecipe(recipe, folder, data, catalogue, settings)


def _check_data(data: str, per_class: int | None) -> tuple[str, Path]:
    """What `load_classification` takes, and the folder."""
    scheme, _, rest = data.partition(":")
    if scheme != "imagenet" or not rest:
        raise InputError(
            f"data of a recipe must be imagenet:PATH, but got {data!r}. "
            "For other images use polyscale compare."
        )
    if per_class is not None and per_class < MIN_DRAWN:
        raise InputError(f"per_class must be at least {MIN_DRAWN}, but got {per_class}.")
    path = Path(rest).expanduser()
    if not path.is_dir():
        raise InputError(
            f"imagenet folder {rest!r} does not exist. Check the path; a sample is --per-class N."
        )
    return (data if per_class is None else f"{data}?per_class={per_class}"), path
