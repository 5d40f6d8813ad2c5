"""Whether a recipe's checkpoints are there."""

from pathlib import Path

from polyscale.backbones import load
from polyscale.errors import InputError, MissingExtraError, RunError, first_line
from polyscale.types.recipe import Checkpoint, Recipe


def check_folders(recipe: Recipe, weights_dir: Path) -> str:
    """The folder in full, if it holds one for each checkpoint.

    Raises:
        InputError: with all that are missing.
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
    """Load each checkpoint once, so that what is missing is told before images are read.

    Args:
        recipe: whose checkpoints.
        weights_dir: folder of local weights, or None for the hub, which may download them.

    Raises:
        RunError: with every checkpoint that cannot be loaded, and why the first one can't.
        MissingExtraError: if a package is not installed.
    """
    reasons = {c: _why_not(c, weights_dir) for c in recipe.checkpoints}
    missing = [checkpoint for checkpoint, reason in reasons.items() if reason]
    if missing:
        # weights that are run on tiles of two sizes are missing once
        repositories = list(dict.fromkeys(checkpoint.repository for checkpoint in missing))
        folders = ", ".join(dict.fromkeys(checkpoint.folder for checkpoint in missing))
        raise RunError(
            f"recipe {recipe.name}: weights must be there or within reach, but "
            f"{len(repositories)} of {len(recipe.repositories)} are not: "
            f"{', '.join(repositories)}. The first: {reasons[missing[0]]}. Or put "
            f"good folders {folders} into one and give it as --weights-dir."
        )


def _why_not(checkpoint: Checkpoint, weights_dir: str | None) -> str:
    """Why it cannot be used, or nothing."""
    try:
        backbone = load(checkpoint.at(weights_dir))
    except MissingExtraError:
        raise
    except Exception as error:  # whatever a damaged file makes its readers raise
        return first_line(error)
    # features of pixels that are not normalised would be wrong and look right
    return "" if backbone.mean else "it has no preprocessor_config.json with mean and deviation"
