"""Pictures that a user names one by one, or by their folder."""

from collections.abc import Sequence
from pathlib import Path

from polyscale.data.folder import files_below, is_folder
from polyscale.data.image import image_endings
from polyscale.errors import InputError


def list_pictures(paths: Sequence[Path]) -> list[Path]:
    """The files that are named, and the images below the folders that are named.

    Raises:
        InputError: if a path does not exist, or a folder holds no image.
    """
    files = []
    for path in paths:
        if is_folder(path):
            found = sorted(f for f in files_below(path) if f.suffix.lower() in image_endings())
            if not found:
                raise InputError(f"folder {str(path)!r} must hold images, but holds none.")
            files += found
        elif path.is_file():
            files.append(path)
        else:
            raise InputError(f"image {str(path)!r} does not exist. Check the path.")
    return files
