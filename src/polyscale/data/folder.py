"""`folder:PATH`: one folder a class."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from polyscale.data.files import files_below, folders_in, is_folder, passed_over, printable
from polyscale.data.image import image_endings
from polyscale.data.listing import Catalogue, Roles, assign_roles, list_classes, of_roles, role_of
from polyscale.errors import InputError

Images = list[tuple[str, Path, str]]
"""Id, path and class name of images."""


def list_folder(path: Path) -> Catalogue:
    """Images in one folder a class, with or without `train/` and `test/` (or `val/`) above.

    Hidden files and folders and the folders of polyscale's own runs are passed over. So are files
    that are no images by their names, which a remark counts.
    """
    if not is_folder(path):
        raise InputError(f"data folder {str(path)!r} does not exist. Check the path.")
    others = Counter[str]()
    folders, beside = _split_folders(path)
    roles = Roles("", None, None)
    if folders:
        roles = assign_roles(folders, where=f"data folder {str(path)!r}")
    splits = {
        s: _list_images(path / s, path, others) for s in (roles.train, roles.test) if s is not None
    }
    names = list(dict.fromkeys(class_name for _, _, class_name in splits[roles.train]))
    if roles.test is not None:
        test_names = {class_name for _, _, class_name in splits[roles.test]}
        check_classes_known(test_names, names, f"{roles.test}/", f"{roles.train}/ of {path}")
    remarks = passed_over(others)
    if beside and roles.test is not None:
        remarks += (f"Folders beside the splits, passed over: {', '.join(beside)}.",)
    return of_roles(
        roles,
        lambda split: list_classes(splits[split], names),
        remarks=remarks,
        class_names=tuple(names),
    )


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


def _list_images(folder: Path, root: Path, others: Counter[str]) -> Images:
    """The images in class folders, class by class; counts the endings of other files."""
    images = [
        (file.relative_to(root).as_posix(), file, child.name)
        for child in folders_in(folder)
        for file in files_below(child, image_endings(), others)
    ]
    if not images:
        raise InputError(
            f"data folder {str(folder)!r} has no images in class folders. "
            "It needs one folder a class, for example cats/1.jpg and dogs/1.jpg."
        )
    return images
