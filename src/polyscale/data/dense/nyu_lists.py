"""`nyu:PATH`: NYU Depth v2 as files, with the customary lists of them.

The lists are those of BTS (Lee et al. 2019), which most work on depth has used since: a line has
the image, its depth and the focal length, and 654 images are for testing. Depth is in millimetres,
as BTS takes it from `rawDepths`.
"""

from pathlib import Path

from polyscale.data.dense.listing import DenseCatalogue, list_pairs
from polyscale.data.dense.pairs import Pair
from polyscale.errors import InputError

LISTS = {"train": "nyu_train.txt", "test": "nyu_test.txt"}

PLACES = {
    "train": (".", "sync", "train", "official_splits/train"),
    "test": (".", "test", "official_splits/test"),
}
"""Folders that the paths of a list may be relative to."""


def has_lists(path: Path) -> bool:
    """Whether any of the lists lies in a folder."""
    return any((path / name).is_file() for name in LISTS.values())


def list_nyu_files(path: Path) -> DenseCatalogue:
    """The images that the lists name.

    Raises:
        InputError: if a list is missing, a line is no pair, or no file of a list is there.
    """
    for name in LISTS.values():
        if not (path / name).is_file():
            raise InputError(
                f"nyu must have the lists {' and '.join(LISTS.values())}, but {str(path)!r} has no "
                f"{name}. Put it there."
            )
    remarks: list[str] = []
    train, test = (list_pairs(_pairs(path, split, remarks)) for split in LISTS)
    about = "NYU Depth v2's own split, from the lists beside the files"
    return DenseCatalogue(train, test, about, tuple(remarks))


def _pairs(path: Path, split: str, remarks: list[str]) -> list[Pair]:
    pairs: list[Pair] = []
    lost: list[str] = []
    seen: set[str] = set()
    for number, line in enumerate(_lines(path / LISTS[split]), 1):
        words = line.split()
        if not words:
            continue
        if len(words) < 2:
            raise _wrong(path / LISTS[split], number, f"it must name two files, but is {line!r}")
        image, depth = (word.lstrip("/") for word in words[:2])
        if image in seen:
            raise _wrong(path / LISTS[split], number, f"{image} stands in the list already")
        seen.add(image)
        base = _base(path, split, image, depth)
        if base is None:
            lost.append(image)
        else:
            pairs.append((f"{split}/{image}", base / image, f"{split}/{depth}", base / depth))
    if not pairs:
        raise InputError(
            f"list {str(path / LISTS[split])!r} must name files that are there, but of "
            f"{len(lost)} images none is there with its depth{f' ({lost[0]})' if lost else ''}. "
            "Put the list beside the folders it names."
        )
    if lost:
        remarks.append(
            f"Images of {LISTS[split]} that are not there with their depth, left out: {len(lost)}, "
            f"for example {lost[0]}."
        )
    return pairs


def _base(path: Path, split: str, image: str, depth: str) -> Path | None:
    bases = (path / place for place in PLACES[split])
    return next((b for b in bases if (b / image).is_file() and (b / depth).is_file()), None)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"list {str(file)!r} must be text in UTF-8, but cannot be read ({error})."
        ) from error


def _wrong(file: Path, line: int, what: str) -> InputError:
    return InputError(f"list {str(file)!r}, line {line}: {what}. Correct the line.")
