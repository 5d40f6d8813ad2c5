"""`load_classification`: a name such as `folder:PATH` → a data set."""

from pathlib import Path

from polyscale.data.classification import ClassificationData
from polyscale.data.embedded import load_rooms
from polyscale.data.folder import is_folder, load_folder
from polyscale.errors import InputError, near_matches


def load_classification(source: str, *, seed: int = 0) -> ClassificationData:
    """Load a data set for classification.

    Args:
        source: `rooms`, the embedded scenes, or `folder:PATH`, one folder a class.
        seed: of the split, where the data has none.

    Raises:
        InputError: if there is no such data, or it can't be used.
    """
    scheme, colon, rest = source.partition(":")
    if source == "rooms":
        return load_rooms()
    if scheme == "folder" and rest:
        return load_folder(_path(rest), seed=seed)
    guess = near_matches(source, ["rooms"])
    if not colon and is_folder(_path(source)):
        guess = f" Did you mean 'folder:{source}'?"
    raise InputError(f"data must be rooms or folder:PATH, but got {source!r}.{guess}")


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:  # a home that does not exist
        return Path(text)
