"""Finding and reading files that come from outside: bounded, and with clear errors."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from polyscale.data.image import image_endings
from polyscale.decode import check_file
from polyscale.errors import InputError, first_line
from polyscale.records import is_run

MAX_TEXT_BYTES = 2**28
"""Larger tables and lists are refused before they are read: this is some 4 million lines."""

MAX_OTHERS = 100_000
OTHERS_SHARE = 10
"""A walk ends after so many other files and folders if it has seen 10 times as many of them as
files that are wanted: that is a whole disk, or a home, and no data set."""


# unlike the methods of `Path`, these are False for a path that is too long or not allowed
is_folder, is_file, exists = os.path.isdir, os.path.isfile, os.path.exists


def printable(text: str) -> str:
    """The text as UTF-8, which reports are; what is not UTF-8 in a file's name is escaped."""
    return text.encode(errors="backslashreplace").decode()


def check_names(names: Iterable[str], what: str) -> None:
    """Names of files and classes go into files that are UTF-8."""
    for name in names:
        if not name.isascii() and printable(name) != name:
            raise InputError(f"{what} {printable(name)!r} must be UTF-8, but is not. Rename it.")


def read_text(
    file: Path, what: str, *, advice: str = "Save it as such.", max_bytes: int = MAX_TEXT_BYTES
) -> str:
    """All of a text file in UTF-8, with or without a byte order mark."""
    try:
        check_file(file.stat(), max_bytes)
        return file.read_bytes().decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        raise InputError(
            f"{what} {printable(str(file))!r} must be text in UTF-8, but cannot be read "
            f"({reason}). {advice}"
        ) from error


def is_text(value: object) -> bool:
    """Whether a value of a JSON file is text that can be written: JSON can hold half characters."""
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False


def read_matlab(file: Path, *names: str) -> dict[str, Any]:
    """Variables of a file in MATLAB's older format."""
    from scipy.io import loadmat

    try:
        check_file(file.stat())
        content = loadmat(file, squeeze_me=True, variable_names=names)
        return {name: content[name] for name in names}
    except Exception as error:  # scipy raises nearly anything
        raise InputError(
            f"{str(file)!r} must be a MATLAB file with {' and '.join(names)}, but cannot be read "
            f"({type(error).__name__}: {first_line(error)}). Take the data set's own file."
        ) from error


def folders_in(folder: Path) -> list[Path]:
    """The folders in a folder, without hidden ones and polyscale's own runs."""
    try:
        children = sorted(folder.iterdir())
    except OSError as error:
        raise _unreadable(folder, error) from error
    folders = [c for c in children if not _is_passed_over(c) and is_folder(c)]
    for child in folders:
        if child.is_symlink() and folder.resolve().is_relative_to(child.resolve()):
            raise InputError(
                f"data folder {printable(str(folder))!r} must not hold a link to itself or to a "
                f"folder above, but {printable(child.name)!r} is one. Take it out."
            )
    return folders


def files_below(
    folder: Path, endings: frozenset[str], others: Counter[str] | None = None
) -> list[Path]:
    """The files below a folder with certain endings (in lower case with their dot), in order.

    Nothing hidden is found, and nothing in polyscale's own runs. `others` counts the endings of all
    other files.
    """

    def stop(error: OSError) -> None:
        # a folder that cannot be read must not pass for an empty one
        raise _unreadable(Path(error.filename), error) from error

    files: list[Path] = []
    num_others = 0
    for here, folders, names in os.walk(folder, onerror=stop):
        base = Path(here)
        folders[:] = [f for f in folders if not _is_passed_over(base / f)]
        visible = [base / name for name in names if not name.startswith(".")]
        wanted = [file for file in visible if file.suffix.lower() in endings]
        files += wanted
        if others is not None:
            endings_here = ((f.suffix.lower(), f.name) for f in visible)
            others.update(end or name for end, name in endings_here if end not in endings)
        num_others += len(folders) + len(names) - len(wanted)
        if num_others > max(MAX_OTHERS, OTHERS_SHARE * len(files)):
            raise InputError(
                f"data folder {str(folder)!r} must hold images, but of the first "
                f"{num_others + len(files)} files and folders below it only {len(files)} are "
                "images by their names. Name the folder of the images."
            )
    return sorted(files)


def passed_over(others: Counter[str]) -> tuple[str, ...]:
    """What to say about files that are not taken, counted by their endings."""
    if not others:
        return ()
    by_number = sorted(others.items(), key=lambda item: (-item[1], item[0]))
    kinds = ", ".join(kind for kind, _ in by_number[:3])
    return (f"Files that are no images by their names, passed over: {others.total()} ({kinds}).",)


def list_pictures(paths: Sequence[Path]) -> list[Path]:
    """The files that are named, and the images below the folders that are named.

    Raises:
        InputError: if a path does not exist, or a folder holds no image.
    """
    files = []
    for path in paths:
        if is_folder(path):
            images = files_below(path, image_endings())
            if not images:
                raise InputError(f"folder {str(path)!r} must hold images, but holds none.")
            files += images
        elif is_file(path):
            files.append(path)
        else:
            raise InputError(f"image {str(path)!r} does not exist. Check the path.")
    check_names(map(str, files), "file name")
    return files


def _is_passed_over(folder: Path) -> bool:
    """Whether it is hidden or a run of polyscale."""
    try:
        return folder.name.startswith(".") or is_run(folder)
    except OSError:  # whoever reads the folder will say so
        return False


def _unreadable(folder: Path, error: OSError) -> InputError:
    return InputError(
        f"data folder {printable(str(folder))!r} cannot be read ({error.strerror}). "
        "Check its permissions."
    )
