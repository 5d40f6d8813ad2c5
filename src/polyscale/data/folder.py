"""`folder:PATH`: one folder a class."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from polyscale.data.assemble import assemble
from polyscale.data.classification import ClassificationData
from polyscale.data.image import image_endings
from polyscale.data.listing import Catalogue, list_files
from polyscale.data.splits import assign_roles, role_of
from polyscale.errors import InputError
from polyscale.records import is_run


def load_folder(path: Path, *, seed: int = 0) -> ClassificationData:
    """Images in one folder a class, with or without `train/` and `test/` (or `val/`) above.

    Args:
        path: the folder.
        seed: of the split, where there is none.

    Raises:
        InputError: if the folder, its images or its classes are not enough.
    """
    return assemble(f"folder:{path}", list_folder(path), seed=seed)


def list_folder(path: Path) -> Catalogue:
    """The images of a folder, by their names alone.

    Hidden files and folders and the folders of polyscale's own runs are passed over. So are files
    that are no images by their names, which a remark counts.

    Raises:
        InputError: if there is no such folder, or no image in class folders.
    """
    if not is_folder(path):
        raise InputError(f"data folder {str(path)!r} does not exist. Check the path.")
    folders = _folders(path)
    splits = {folder.name: folder for folder in folders if _is_split(folder)}
    beside = [folder.name for folder in folders if folder.name not in splits]
    if beside and not {"train"} < {role_of(name) for name in splits}:
        splits = {}  # classes of these names among others
    others = Counter[str]()
    if not splits:
        names, files = _find(path, path, others)
        whole = list_files([(i, f, names.index(c)) for i, f, c in files])
        return Catalogue(tuple(names), whole, None, None, passed_over(others))
    roles = assign_roles(splits, where=f"data folder {str(path)!r}")
    names, files = _find(splits[roles.train], path, others)
    train = list_files([(i, f, names.index(c)) for i, f, c in files])
    if roles.test is None:
        return Catalogue(tuple(names), train, None, None, passed_over(others))
    test_names, test_files = _find(splits[roles.test], path, others)
    unknown = [n for n in test_names if n not in names]
    if unknown:
        raise InputError(
            f"class {unknown[0]!r} is in {roles.test}/ but not in {roles.train}/ of {path}. "
            "Both need the same class folders."
        )
    test = list_files([(i, f, names.index(c)) for i, f, c in test_files])
    remarks = passed_over(others)
    if beside:
        remarks += (f"Folders beside the splits, passed over: {', '.join(beside)}.",)
    return Catalogue(tuple(names), train, test, roles.about, remarks)


def is_folder(path: Path) -> bool:
    """Whether it is one that can be seen."""
    try:
        return path.is_dir()
    except OSError:
        return False


def _is_split(folder: Path) -> bool:
    """A folder called train that holds no folders may be the class of railway engines."""
    return role_of(folder.name) is not None and bool(_folders(folder))


def _find(
    folder: Path, root: Path, others: Counter[str]
) -> tuple[list[str], list[tuple[str, Path, str]]]:
    """Class names in order, and id, path and class of each image; counts endings of other files."""
    endings = image_endings()
    names, files = [], []
    for child in _folders(folder):
        found = sorted(files_below(child))
        images = [file for file in found if file.suffix.lower() in endings]
        others.update(f.suffix.lower() or f.name for f in found if f.suffix.lower() not in endings)
        for path in (child, *images):
            check_name(path)
        if images:
            names.append(child.name)
            files += [(file.relative_to(root).as_posix(), file, child.name) for file in images]
    if not files:
        raise InputError(
            f"data folder {str(folder)!r} has no images in class folders. "
            "It needs one folder a class, for example cats/1.jpg and dogs/1.jpg."
        )
    return names, files


def _folders(folder: Path) -> list[Path]:
    """The folders in a folder that may be classes."""
    try:
        children = sorted(folder.iterdir())
    except OSError as error:
        raise _unreadable(folder, error) from error
    return [c for c in children if not c.name.startswith(".") and is_folder(c) and not is_run(c)]


def files_below(folder: Path) -> Iterator[Path]:
    """Every file below, but none that is hidden or belongs to a run."""

    def stop(error: OSError) -> None:
        # a folder that cannot be read must not pass for an empty one
        raise _unreadable(Path(error.filename), error) from error

    for here, folders, files in os.walk(folder, onerror=stop):
        base = Path(here)
        folders[:] = [f for f in folders if not f.startswith(".") and not is_run(base / f)]
        yield from (base / file for file in files if not file.startswith("."))


def _unreadable(folder: Path, error: OSError) -> InputError:
    return InputError(
        f"data folder {str(folder)!r} cannot be read ({error.strerror}). Check its permissions."
    )


def check_name(path: Path) -> None:
    """Names go into files that are UTF-8."""
    try:
        path.name.encode()
    except UnicodeEncodeError as error:
        shown = path.name.encode(errors="backslashreplace").decode()
        raise InputError(f"file name {shown!r} must be UTF-8, but is not. Rename it.") from error


def passed_over(others: Counter[str]) -> tuple[str, ...]:
    """What to say about files that are not taken, counted by their endings."""
    if not others:
        return ()
    kinds = ", ".join(kind for kind, _ in others.most_common(3))
    return (f"Files that are no images by their names, passed over: {others.total()} ({kinds}).",)
