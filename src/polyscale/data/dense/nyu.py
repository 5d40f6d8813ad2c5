"""`nyu:PATH`: NYU Depth v2, as its own labelled file or as files with lists."""

from collections.abc import Mapping
from pathlib import Path

from polyscale.data.dense.listing import DenseCatalogue
from polyscale.data.dense.masks import Classes
from polyscale.data.dense.nyu_lists import LISTS, has_lists, list_nyu_files
from polyscale.data.dense.nyu_mat import LABELLED, list_nyu_depth, list_nyu_labels
from polyscale.data.folder import is_folder
from polyscale.data.options import to_flag
from polyscale.errors import InputError

EIGEN_CROP_YXYX = (45 / 480, 41 / 640, 471 / 480, 601 / 640)
"""Rows 45 to 470, columns 41 to 600: what Eigen et al. (2014) judge of 480×640 pixels."""


def nyu_depth(path: Path, options: Mapping[str, str]) -> DenseCatalogue:
    """Images and their depth.

    Args:
        path: the labelled file, or a folder with it or with lists.
        options: `filled`, 1 for depth whose holes were painted over (labelled file alone).

    Raises:
        InputError: if neither is there, or what is there is another thing.
        MissingExtraError: if h5py is needed and not installed.
    """
    file = _labelled(path)
    if file is None and has_lists(path):
        if "filled" in options:
            raise InputError(
                f"option filled of data must go with {LABELLED}, but {str(path)!r} has lists. "
                "Leave it out."
            )
        return list_nyu_files(path)
    filled = to_flag("filled", options.get("filled", "0"))
    return list_nyu_depth(file or _missing(path), filled=filled)


def nyu_labels(path: Path) -> tuple[DenseCatalogue, Classes]:
    """Images and their classes, from the labelled file.

    Raises:
        InputError: if it is not there, or is another thing.
        MissingExtraError: if h5py is not installed.
    """
    return list_nyu_labels(_labelled(path) or _missing(path))


def to_crop(text: str) -> tuple[float, float, float, float] | None:
    """The part that is judged: `eigen` or `none`.

    Raises:
        InputError: if it is another word.
    """
    if text not in ("eigen", "none"):
        raise InputError(f"option crop of data must be eigen or none, but got {text!r}.")
    return EIGEN_CROP_YXYX if text == "eigen" else None


def _labelled(path: Path) -> Path | None:
    file = path / LABELLED if is_folder(path) else path
    return file if file.is_file() else None


def _missing(path: Path) -> Path:
    raise InputError(
        f"nyu must have {LABELLED}, or for depth {' and '.join(LISTS.values())}, but "
        f"{str(path)!r} has neither. Check the path."
    )
