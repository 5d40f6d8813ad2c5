"""Which checkpoints of a recipe are missing."""

from pathlib import Path

from polyscale.errors import InputError, MissingExtraError, RunError, first_line
from polyscale.operator.backbones import load
from polyscale.studies.recipes.recipe import Checkpoint, Recipe


def check_folders(recipe: Recipe, weights_dir: Path) -> str:
    """The absolute path of a folder that has a folder for each checkpoint.

    Raises:
        InputError: if it hasn't; the message names all that are missing.
    """
    folder = weights_dir.expanduser().resolve()
    missing = [c.folder for c in recipe.repositories if not (folder / c.folder).is_dir()]
    if missing:
        raise InputError(
            f"weights-dir must hold a folder for each checkpoint of {recipe.name}, but "
            f"{str(folder)!r} has no {', '.join(missing)}. Download each repository into a folder "
            "of that name, or leave weights-dir out to take them from the hub."
        )
    return str(folder)


def fetch_weights(recipe: Recipe, weights_dir: str | None = None) -> None:
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
    missing = [checkpoint for checkpoint, reason in reasons.items() if reason]
    if missing:
        # the same weights on tiles of two sizes are named once
        repositories = list(dict.fromkeys(checkpoint.repository for checkpoint in missing))
        folders = ", ".join(dict.fromkeys(checkpoint.folder for checkpoint in missing))
        raise RunError(
            f"recipe {recipe.name}: weights must be there or within reach, but "
            f"{len(repositories)} of {len(recipe.repositories)} are not: "
            f"{', '.join(repositories)}. The first: {reasons[missing[0]]}. You can also put "
            f"working folders {folders} into one folder and give it as --weights-dir."
        )


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
