"""Data, weights and settings of recipes that run on ImageNet's images."""

from typing import Any

from polyscale.cli.recipe.kind import RunOptions
from polyscale.errors import InputError
from polyscale.studies.recipes import check_folders, fetch_weights


def imagenet_images(recipe: Any, options: RunOptions, per_class: int, verb: str) -> str:
    """The data, with the number of images of each class.

    Args:
        recipe: the recipe.
        options: of the run.
        per_class: number where none is given.
        verb: the command for other images.

    Raises:
        InputError: if they are not ImageNet's.
    """
    scheme, _, path = options.source().partition(":")
    if scheme != "imagenet" or not path:
        raise InputError(
            f"data of recipe {recipe.name} must be imagenet:PATH, but got {options.data!r}. "
            f"For other images use polyscale {verb}."
        )
    chosen = f"?per_class={options.per_class or per_class}"
    return options.source() + ("" if "?" in path else chosen)


def local_weights(recipe: Any, options: RunOptions) -> str | None:
    """Check that all weights are in the folder, or download them; returns the folder.

    Raises:
        InputError: if weights are missing in the folder.
        RunError: if weights cannot be downloaded.
    """
    folder = None if options.weights_dir is None else check_folders(recipe, options.weights_dir)
    fetch_weights(recipe, folder)
    return folder


def chosen_settings(options: RunOptions) -> dict[str, Any]:
    """The options of the settings that are given."""
    return {name: value for name, value in options.given.items() if value}
