"""Features of many images, kept in small files that are whole or absent.

A key names everything the features depend on. Below it, each file holds the rows of a fixed range
of images. A file appears under its name only when it is complete, so that a run may be killed at
any moment and the next one computes just what is missing. Several runs may share the folder.
"""

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
import platformdirs
from numpy.typing import NDArray

from polyscale.errors import RunError
from polyscale.store.limit import evict

Features = NDArray[np.float32]

ATTEMPTS = 3
"""To write a file into a folder that another run deletes to make room."""


class StoreError(RunError):
    """The disk refuses."""


def default_cache() -> Path:
    """The folder for features, unless the user names another."""
    return Path(platformdirs.user_cache_dir("polyscale")) / "features"


class FeatureStore:
    """Rows of features under keys.

    Args:
        folder: made when the first features are written.
        limit_bytes: what all keys may take together; those that were not used for longest make
            room, but none that this store was asked for. None is no limit.
    """

    def __init__(self, folder: Path, *, limit_bytes: int | None = None) -> None:
        self.folder = folder
        self._limit_bytes = limit_bytes
        self._used: set[str] = set()
        self._num_bytes: int | None = None  # of all keys; not known before the first is written
        self._left_bytes = 0  # after the last eviction

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
        self._use(key)
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
            StoreError: if the disk refuses.
        """
        self._use(key)
        file = self._file(key, start, stop)
        try:
            for attempt in range(ATTEMPTS):
                try:
                    _write(file, rows)
                    break
                except FileNotFoundError:
                    if attempt == ATTEMPTS - 1:
                        raise
        except OSError as error:
            raise StoreError(
                f"features cannot be written to {file.parent} ({error.strerror}). "
                "Make room, or choose another folder with --cache."
            ) from error
        self._make_room(rows.nbytes)

    def _use(self, key: str) -> None:
        """Mark the key as used now."""
        if key not in self._used:
            self._used.add(key)
            with suppress(OSError):  # not there yet
                os.utime(self.folder / key)

    def _make_room(self, added_bytes: int) -> None:
        if self._limit_bytes is None:
            return
        if self._num_bytes is None:
            self._num_bytes = evict(self.folder, self._limit_bytes, self._used)
        else:
            self._num_bytes += added_bytes
        # where what is in use is more than the limit, look for room again when as much has come
        if self._num_bytes > max(self._limit_bytes, self._left_bytes * 1.1):
            self._num_bytes = evict(self.folder, self._limit_bytes, self._used)
            self._left_bytes = self._num_bytes

    def _file(self, key: str, start: int, stop: int) -> Path:
        return self.folder / key / f"{start:08d}-{stop:08d}.npy"


def _write(file: Path, rows: Features) -> None:
    """A whole file or none."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=file.parent, suffix=".partial", delete=False) as temporary:
        try:
            np.save(temporary, rows, allow_pickle=False)
            temporary.flush()
            os.replace(temporary.name, file)  # noqa: PTH105 - atomic also over a file
        except BaseException:
            Path(temporary.name).unlink(missing_ok=True)
            raise
