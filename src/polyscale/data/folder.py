"""`folder:PATH`: one folder a class."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from polyscale.data.files import files_below, folders_in, is_folder, passed_over, printable
from polyscale.data.image import image_endings
from polyscale.data.listing import Catalogue, assign_roles, list_classes, role_of
from polyscale.errors import InputError

Found = list[tuple[str, Path, str]]
"""Id, path and class name of images."""


def list_folder(path: Path) -> Catalogue:
    """Images in one folder a class, with or without `train/` and `test/` (or `val/`) above.

    Hidden files and folders and the folders of polyscale's own runs are passed over. So are files
    that are no images by their names, which a remark counts.
    """
    if not is_folder(path):
        raise InputError(f"data folder {str(path)!r} does not exist. Check the path.")
    others = Counter[str]()
    splits, beside = _split_folders(path)
    if not splits:
        names, files = _find(path, path, others)
        return Catalogue(
            list_classes(files, names), None, None, passed_over(others), class_names=tuple(names)
        )
    roles = assign_roles(splits, where=f"data folder {str(path)!r}")
    names, files = _find(splits[roles.train], path, others)
    test = None
    if roles.test is not None:
        test_names, test_files = _find(splits[roles.test], path, others)
        check_classes_known(test_names, names, f"{roles.test}/", f"{roles.train}/ of {path}")
        test = list_classes(test_files, names)
    remarks = passed_over(others)
    if beside and test is not None:
        remarks += (f"Folders beside the splits, passed over: {', '.join(beside)}.",)
    return Catalogue(list_classes(files, names), test, roles.about, remarks, tuple(names))


def check_classes_known(test: list[str], train: list[str], where: str, other: str) -> None:
    """Refuse class folders of the test split that the training split lacks."""
    unknown = sorted(set(test) - set(train))
    if unknown:
        raise InputError(
            f"class {printable(unknown[0])!r} is in {where} but not in {other}. "
            "Both need the same class folders."
        )


def _split_folders(path: Path) -> tuple[Mapping[str, Path], list[str]]:
    """The folders of splits, if that is what they are, and the names of those beside them."""
    folders = folders_in(path)
    # a folder called train that holds no folders may be the class of railway engines
    splits = {f.name: f for f in folders if role_of(f.name) is not None and folders_in(f)}
    beside = [folder.name for folder in folders if folder.name not in splits]
    if beside and not {"train"} < {role_of(name) for name in splits}:
        return {}, []  # classes of these names among others
    return splits, beside


def _find(folder: Path, root: Path, others: Counter[str]) -> tuple[list[str], Found]:
    """Class names in order, and the images; counts the endings of other files."""
    names: list[str] = []
    files: Found = []
    for child in folders_in(folder):
        images = files_below(child, image_endings(), others)
        if images:
            names.append(child.name)
            files += [(file.relative_to(root).as_posix(), file, child.name) for file in images]
    if not files:
        raise InputError(
            f"data folder {str(folder)!r} has no images in class folders. "
            "It needs one folder a class, for example cats/1.jpg and dogs/1.jpg."
        )
    return names, files
