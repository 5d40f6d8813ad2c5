"""Features of many images, kept in small files that are whole or absent, and verified when read.

A key names everything the features depend on. Below it, each file holds the rows of a fixed range
of images. A file appears under its name only when it is complete, so that a run may be killed at
any moment and the next one computes just what is missing. Several runs may share the folder.
"""

import json
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import TypeAlias

import numpy as np
import platformdirs
from numpy.typing import DTypeLike, NDArray

from polyscale.errors import RunError
from polyscale.features.files import delete, whole_file
from polyscale.features.limit import ABOUT_FILE, evict, remove_leftovers
from polyscale.features.rows import DamagedRowsError, read_plain, read_rows, write_rows

Shape: TypeAlias = tuple[int, ...]

ATTEMPTS = 3
"""To write a file into a folder that another run deletes to make room."""


class StoreError(RunError):
    """The disk refuses."""


class LostFeaturesError(RunError):
    """Features that were kept when the run began are gone or damaged."""


class DamagedFeaturesWarning(UserWarning):
    """Cached features are damaged and are computed again."""


def default_cache() -> Path:
    """The folder for features, unless the user names another."""
    return Path(platformdirs.user_cache_dir("polyscale")) / "features"


class FeatureStore:
    """Rows of features under keys.

    Rows that are not exactly what was written are removed and count as absent, so that they are
    computed again; the first time, a `DamagedFeaturesWarning` tells so.

    Args:
        folder: made when the first features are written.
        limit_bytes: what all keys may take together; those that were not used for longest make
            room, but none that this store was asked for. None is no limit.
    """

    def __init__(self, folder: str | Path, *, limit_bytes: int | None = None) -> None:
        self.folder = Path(folder)
        self._limit_bytes = limit_bytes
        self._used: set[str] = set()
        self._room_bytes = 0.0  # that may be written before keys have to go
        self._has_warned = False

    @staticmethod
    def key(facts: Mapping[str, object]) -> str:
        """A short name for everything that the features depend on; `facts` must be JSON."""
        canonical = json.dumps(facts, sort_keys=True)
        return blake2b(canonical.encode(), digest_size=12).hexdigest()

    def has(
        self, key: str, start: int, stop: int, row_shape: Shape, dtype: DTypeLike = np.float32
    ) -> bool:
        """Whether `read` would give rows; all are verified, in the memory of one."""
        one = np.empty((1, *row_shape), dtype)
        return self._read(key, range(start, stop), one, places=[0] * (stop - start))

    def read(
        self, key: str, start: int, stop: int, row_shape: Shape, dtype: DTypeLike = np.float32
    ) -> NDArray | None:
        """The rows of images `start` … `stop - 1` (stop - start, *row_shape); None if not kept.

        Raises:
            StoreError: if the disk refuses to remove damaged rows.
        """
        rows = np.empty((stop - start, *row_shape), dtype)
        return rows if self._read(key, range(start, stop), rows) else None

    def read_some(
        self, key: str, images: range, out: NDArray, rows: Iterable[int], places: Iterable[int]
    ) -> None:
        """Copy some of the rows of these images, which must be kept, to places of `out`.

        Raises:
            LostFeaturesError: if they are gone or damaged; a damaged file is removed.
        """
        path = self._path(key, images)
        try:
            read_rows(path, key, images, out, rows, places)
        except (OSError, DamagedRowsError) as error:
            with suppress(OSError):
                delete(path)
            raise LostFeaturesError(
                f"features in {path} are gone or damaged ({error}). Run the same again: only they "
                "are computed anew. If another run made room meanwhile, raise --cache-limit."
            ) from error

    def write(self, key: str, start: int, stop: int, rows: NDArray) -> None:
        """Keep rows; the file is complete or absent, whatever happens.

        Raises:
            StoreError: if the disk refuses.
        """
        path = self._path(key, range(start, stop))
        try:
            for attempt in range(ATTEMPTS):
                try:
                    write_rows(path, key, range(start, stop), rows)
                    break
                except (FileNotFoundError, FileExistsError):  # it went while it was made, too
                    if attempt == ATTEMPTS - 1:
                        raise
        except OSError as error:
            raise _refused("written to", path.parent, error) from error
        self._make_room(rows.nbytes)

    def describe(self, key: str, about: str) -> None:
        """Keep a line for people that says what lies under a key; see `usage`."""
        file = self.folder / key / ABOUT_FILE
        with suppress(OSError):
            if not file.exists():
                with whole_file(file) as partial:
                    partial.write_text(about, encoding="utf-8")

    def _path(self, key: str, images: range) -> Path:
        if not self._used:
            remove_leftovers(self.folder)
        if key not in self._used:
            self._used.add(key)
            with suppress(OSError):  # not there yet
                os.utime(self.folder / key)
        return self.folder / key / f"{images.start:08d}-{images.stop:08d}.rows"

    def _read(
        self, key: str, images: range, out: NDArray, places: Iterable[int] | None = None
    ) -> bool:
        """Read and verify all rows; False if they are not kept, or were damaged."""
        path = self._path(key, images)
        plain = path.with_suffix(".npy")  # without checksums; can go when `keys.FORMAT` is raised
        try:
            if not path.exists():
                rows = read_plain(plain, (len(images), *out.shape[1:]), out.dtype)
                self.write(key, images.start, images.stop, rows)
                plain.unlink(missing_ok=True)
            read_rows(path, key, images, out, places=places)
        except FileNotFoundError:
            return False
        except (OSError, DamagedRowsError) as error:
            self._discard([path, plain], error)
            return False
        return True

    def _discard(self, damaged: Sequence[Path], reason: Exception) -> None:
        """Remove damaged files, and warn once."""
        file = damaged[0]
        try:
            for path in damaged:  # a file in the place of the key's folder is damage, too
                delete(path if path.parent.is_dir() else path.parent)
        except OSError as error:
            raise _refused(f"removed, though damaged ({reason}), from", file, error) from error
        if not self._has_warned:
            self._has_warned = True
            warnings.warn(
                f"Cached features in {file.parent} are damaged ({file.stem}: {reason}). They are "
                "computed again, and so are any others in this cache that turn out to be damaged. "
                "If this happens again, check the disk.",
                DamagedFeaturesWarning,
                stacklevel=2,
            )

    def _make_room(self, added_bytes: int) -> None:
        self._room_bytes -= added_bytes
        if self._limit_bytes is not None and self._room_bytes < 0:
            left = evict(self.folder, self._limit_bytes, self._used)
            # where the keys in use are all that is left, look again when a tenth has been added
            self._room_bytes = max(self._limit_bytes - left, left * 0.1)


def _refused(what: str, where: Path, error: OSError) -> StoreError:
    return StoreError(
        f"features cannot be {what} {where} ({error.strerror or error}). "
        "Make room, or choose another folder with --cache."
    )
