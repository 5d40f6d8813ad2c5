"""`folder:PATH`: one folder a class."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from polyscale.data.files import files_below, folders_in, is_folder, passed_over, printable
from polyscale.data.image import image_endings
from polyscale.data.listing import (
    Catalogue,
    assign_roles,
    list_classes,
    list_files,
    role_of,
)
from polyscale.errors import InputError


def list_folder(path: Path) -> Catalogue:
    """Images in one folder a class, with or without `train/` and `test/` (or `val/`) above.

    Hidden files and folders and the folders of polyscale's own runs are passed over. So are files
    that are no images by their names, which a remark counts.
    """
    if not is_folder(path):
        raise InputError(f"data folder {str(path)!r} does not exist. Check the path.")
    others = Counter[str]()
    folders, beside = _split_folders(path)
    names, about = (
        assign_roles(folders, where=f"data folder {str(path)!r}") if folders else ([""], None)
    )
    splits = [_list_images(path / name, others) for name in names]
    class_names = list(dict.fromkeys(class_name for _, class_name in splits[0]))
    remarks = passed_over(others)
    if len(splits) > 1:
        test_names = [class_name for _, class_name in splits[1]]
        check_classes_known(test_names, class_names, f"{names[1]}/", f"{names[0]}/ of {path}")
        if beside:
            remarks += (f"Folders beside the splits, passed over: {', '.join(beside)}.",)
    listings = [list_classes(images, class_names, path) for images in splits]
    return Catalogue(listings, about, remarks, class_names)


def has_classes(path: Path) -> bool:
    """Whether images are in two folders of classes at least, so that `list_folder` reads them."""
    tops = [path / name for name in _plain_splits(path)] or [path]
    return all(len(folders_in(top)) > 1 for top in tops)


def list_plain_folder(path: Path) -> Catalogue:
    """All images below a folder, without targets, with or without `train/` and `test/` above.

    Everything else is as in `list_folder`.
    """
    others = Counter[str]()
    tops, about, found = [path], None, _plain_splits(path)
    if found:
        names, about = assign_roles(found, where=f"data folder {str(path)!r}")
        tops = [path / name for name in names]
    splits = []
    for top in tops:
        files = files_below(top, image_endings(), others)
        if not files:
            raise InputError(f"data folder {str(top)!r} has no images. Check the path.")
        named = [(file.relative_to(path).as_posix(), file) for file in files]
        splits.append(list_files(named, np.zeros(len(files))))
    return Catalogue(splits, about, passed_over(others))


def _plain_splits(path: Path) -> list[str]:
    """The folders in a folder, if they are called as splits are, all of them."""
    names = [folder.name for folder in folders_in(path)]
    return names if all(role_of(name) for name in names) else []


def check_classes_known(test: Iterable[str], train: Iterable[str], where: str, other: str) -> None:
    """Refuse class folders of the test split that the training split lacks."""
    unknown = sorted(set(test) - set(train))
    if unknown:
        raise InputError(
            f"class {printable(unknown[0])!r} is in {where} but not in {other}. "
            "Both need the same class folders."
        )


def _split_folders(path: Path) -> tuple[list[str], list[str]]:
    """The folders of splits, if that is what they are, and the names of those beside them."""
    folders = folders_in(path)
    # a folder called train that holds no folders may be the class of railway engines
    splits = [f.name for f in folders if role_of(f.name) is not None and folders_in(f)]
    beside = [folder.name for folder in folders if folder.name not in splits]
    if beside and not {"train"} < {role_of(name) for name in splits}:
        return [], []  # classes of these names among others
    return splits, beside


def _list_images(folder: Path, others: Counter[str]) -> list[tuple[Path, str]]:
    """The images in class folders with their classes; counts the endings of other files."""
    images = [
        (file, child.name)
        for child in folders_in(folder)
        for file in files_below(child, image_endings(), others)
    ]
    if not images:
        raise InputError(
            f"data folder {str(folder)!r} has no images in class folders. "
            "It needs one folder a class, for example cats/1.jpg and dogs/1.jpg."
        )
    return images
