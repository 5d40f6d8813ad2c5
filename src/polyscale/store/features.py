"""Features of many images, kept in small files that are whole or absent.

A key names everything the features depend on. Below it, each file holds the rows of a fixed range
of images. A file appears under its name only when it is complete, so that a run may be killed at
any moment and the next one computes just what is missing.
"""

import json
import os
import shutil
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
import platformdirs
from numpy.typing import NDArray

from polyscale.errors import RunError

Features = NDArray[np.float32]


def default_cache() -> Path:
    """The folder for features, unless the user names another."""
    return Path(platformdirs.user_cache_dir("polyscale")) / "features"


class FeatureStore:
    """Rows of features under keys.

    Args:
        folder: made when the first features are written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @staticmethod
    def key(facts: Mapping[str, object]) -> str:
        """A short name for everything that the features depend on.

        Args:
            facts: JSON-like; any change gives another key.
        """
        canonical = json.dumps(facts, sort_keys=True)
        return blake2b(canonical.encode(), digest_size=12).hexdigest()

    def read(self, key: str, start: int, stop: int, dim: int) -> Features | None:
        """The rows of images `start` … `stop - 1` (stop - start, dim), or None.

        None where they are not there, and where the file is damaged or holds anything else; it is
        then removed, so that the rows are computed anew.
        """
        file = self._file(key, start, stop)
        try:
            rows = np.load(file, allow_pickle=False)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, EOFError):
            rows = None
        if (
            isinstance(rows, np.ndarray)
            and rows.shape == (stop - start, dim)
            and rows.dtype == np.float32
            and np.isfinite(rows).all()
        ):
            return rows
        if file.is_dir():
            shutil.rmtree(file)
        else:
            file.unlink()
        return None

    def write(self, key: str, start: int, stop: int, rows: Features) -> None:
        """Keep rows; the file is complete or absent, whatever happens.

        Raises:
            RunError: if the disk refuses.
        """
        file = self._file(key, start, stop)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile(dir=file.parent, suffix=".partial", delete=False) as temporary:
                try:
                    np.save(temporary, rows, allow_pickle=False)
                    temporary.flush()
                    os.replace(temporary.name, file)  # noqa: PTH105 - atomic also over a file
                except BaseException:
                    Path(temporary.name).unlink(missing_ok=True)
                    raise
        except OSError as error:
            raise RunError(
                f"features cannot be written to {file.parent} ({error.strerror}). "
                "Make room, or choose another folder with --cache."
            ) from error

    def _file(self, key: str, start: int, stop: int) -> Path:
        return self.folder / key / f"{start:08d}-{stop:08d}.npy"
