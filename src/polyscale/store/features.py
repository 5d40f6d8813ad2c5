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

import numpy as np
import platformdirs
from numpy.typing import DTypeLike, NDArray

from polyscale.errors import RunError
from polyscale.store.files import RowsFile, write_array
from polyscale.store.limit import evict

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

    def has(
        self,
        key: str,
        start: int,
        stop: int,
        row_shape: tuple[int, ...],
        dtype: DTypeLike = np.float32,
    ) -> bool:
        """Whether `read` would find rows; only the header and the size of the file are looked at.

        A file that holds anything else is removed, so that the rows are computed anew.
        """
        return self._look(key, start, stop, row_shape, dtype) is not None

    def read(
        self,
        key: str,
        start: int,
        stop: int,
        row_shape: tuple[int, ...],
        dtype: DTypeLike = np.float32,
    ) -> NDArray | None:
        """The rows of images `start` … `stop - 1` (stop - start, *row_shape), or None.

        None where they are not there, and where the file is damaged or holds anything else; it is
        then removed, so that the rows are computed anew.
        """
        if self._look(key, start, stop, row_shape, dtype) is None:
            return None
        file = self._file(key, start, stop)
        try:
            rows = np.load(file, allow_pickle=False)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, EOFError):
            rows = None
        if isinstance(rows, np.ndarray) and np.isfinite(rows).all():
            return rows
        remove(file)
        return None

    def rows_file(
        self,
        key: str,
        start: int,
        stop: int,
        row_shape: tuple[int, ...],
        dtype: DTypeLike = np.float32,
    ) -> RowsFile:
        """The file of rows that are there, to read some of them.

        Raises:
            StoreError: if they are not there.
        """
        found = self._look(key, start, stop, row_shape, dtype)
        if found is None:
            raise gone(self._file(key, start, stop))
        return found

    def write(self, key: str, start: int, stop: int, rows: NDArray) -> None:
        """Keep rows; the file is complete or absent, whatever happens.

        Raises:
            StoreError: if the disk refuses.
        """
        self._use(key)
        file = self._file(key, start, stop)
        try:
            for attempt in range(ATTEMPTS):
                try:
                    write_array(file, rows)
                    break
                except FileNotFoundError:
                    if attempt == ATTEMPTS - 1:
                        raise
        except OSError as error:
            raise StoreError(
                f"features cannot be written to {file.parent} "
                f"({error.strerror or error}). "
                "Make room, or choose another folder with --cache."
            ) from error
        self._make_room(rows.nbytes)

    def _look(
        self, key: str, start: int, stop: int, row_shape: tuple[int, ...], dtype: DTypeLike
    ) -> RowsFile | None:
        """The file as its header describes it; removed where it holds anything else."""
        file = self._file(key, start, stop)
        self._use(key)
        try:
            found = RowsFile.look(file)
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            found = None
        if found and found.shape == (stop - start, *row_shape) and found.dtype == np.dtype(dtype):
            return found
        remove(file)
        return None

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


def gone(file: Path) -> StoreError:
    """Features that were there when the run began."""
    return StoreError(
        f"features in {file} are gone or damaged. Run the same again: only they are computed anew; "
        "if another run made room meanwhile, raise --cache-limit."
    )


def remove(file: Path) -> None:
    """Take a damaged file away, so that its rows are computed anew."""
    if file.is_dir():
        shutil.rmtree(file)
    else:
        file.unlink(missing_ok=True)
