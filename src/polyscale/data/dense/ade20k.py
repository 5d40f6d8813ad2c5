"""`ade20k:PATH`: ADE20K as the scene parsing challenge of 2016 handed it out."""

import csv
from collections import Counter
from pathlib import Path

from polyscale.data.dense.listing import DenseCatalogue
from polyscale.data.dense.masks import IGNORED_VALUE, Classes
from polyscale.data.dense.pairs import match, of_roles
from polyscale.data.folder import is_folder
from polyscale.data.splits import Roles
from polyscale.errors import InputError

NUM_CLASSES = 150

INSIDE = "ADEChallengeData2016"
"""The folder that the archive unpacks to."""


def list_ade20k(path: Path) -> tuple[DenseCatalogue, Classes]:
    """Images and masks of `training/` and `validation/`, and the 150 classes.

    Number 0 is anything else and ignored; class names are the first ones of `objectInfo150.txt`
    where that lies beside.

    Raises:
        InputError: if the layout is another one.
    """
    root = path / INSIDE if is_folder(path / INSIDE) else path
    for kind in ("images", "annotations"):
        for split in ("training", "validation"):
            if not is_folder(root / kind / split):
                raise InputError(
                    f"ade20k must have the folders images and annotations with training and "
                    f"validation each, but {str(root)!r} has no {kind}/{split}. Check the path; "
                    "for other folders use pairs:PATH."
                )
    remarks: list[str] = []
    pairs = {
        split: match(root, Path("images") / split, Path("annotations") / split, "mask", remarks)
        for split in ("training", "validation")
    }
    roles = Roles("training", "validation", "ADE20K's own training and validation")
    names = _names(root / "objectInfo150.txt")
    classes = Classes(names=names, first=1, ignored=frozenset({0, IGNORED_VALUE}))
    return of_roles(roles, pairs, remarks), classes


def _names(file: Path) -> tuple[str, ...]:
    if not file.is_file():
        return tuple(f"class {number}" for number in range(1, NUM_CLASSES + 1))
    with file.open(encoding="utf-8", newline="") as table:
        rows = [
            row for row in csv.reader(table, delimiter="\t") if row and row[0].strip().isdigit()
        ]
    full = {int(row[0]): row[-1].strip() for row in rows}
    if sorted(full) != list(range(1, NUM_CLASSES + 1)):
        raise InputError(
            f"{str(file)!r} must name the classes 1 to {NUM_CLASSES}, a line each with tabs, but "
            f"names {len(full)}. Take the file of the data set, or take it out."
        )
    first = {number: words.split(",")[0].strip() for number, words in full.items()}
    often = Counter(first.values())
    return tuple(
        first[n] if often[first[n]] == 1 else f"{full[n]} ({n})" for n in range(1, NUM_CLASSES + 1)
    )
