"""What was found in images and targets, kept between runs.

Tables: a file's path, size and times → a hash of its bytes → what was found. A changed file has
other times, and bytes that come from elsewhere than a file are found by their hash. Every batch is
one transaction, so that a run may be killed at any moment. The cache only saves time: where the
disk refuses or the file is damaged, images are looked at again.
"""

import os
import sqlite3
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
import platformdirs
from numpy.typing import NDArray

from polyscale.types import HW

FORMAT = 2
"""Raised when the same image would give other facts."""

SETTLED_S = 2.0
"""Files touched less than this ago are not kept: clocks of file systems may be as coarse."""

_TABLES = """
CREATE TABLE IF NOT EXISTS files (path BLOB PRIMARY KEY, stat TEXT NOT NULL, digest BLOB NOT NULL)
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS images (digest BLOB PRIMARY KEY, height INTEGER NOT NULL,
    width INTEGER NOT NULL, thumb BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS targets (key BLOB PRIMARY KEY, facts TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class ImageFacts:
    """What a look at a readable image found.

    Attributes:
        digest: of its bytes, 16 bytes.
        image_hw: its size in pixels, upright.
        thumb: the image squashed to 16×16 px of grey, row by row, 256 bytes.
    """

    digest: bytes
    image_hw: HW
    thumb: bytes

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The thumbnail as an array (256,)."""
        return np.frombuffer(self.thumb, dtype=np.uint8)


@dataclass(frozen=True)
class TargetFacts:
    """What a look at a readable mask or depth map found.

    Attributes:
        digest: of its bytes, 16 bytes.
        target_hw: its size in pixels, upright.
        dtype: NumPy's name of the type of its numbers.
        values: of a mask the numbers that occur; of a depth map the lowest and the highest one that
            is above 0 and finite. Empty where there is none.
    """

    digest: bytes
    target_hw: HW
    dtype: str
    values: tuple[float, ...]


def default_inspection_cache() -> Path:
    """The folder for what was found in images, unless the user names another."""
    return Path(platformdirs.user_cache_dir("polyscale")) / "images"


class InspectionCache:
    """Facts about images, in one file; may be used from several threads.

    Args:
        folder: where the file lies; None keeps nothing. Made when it is needed.
    """

    def __init__(self, folder: Path | None) -> None:
        self._lock = Lock()
        self._database: sqlite3.Connection | None = None
        if folder is not None:
            file = folder / f"inspected-{FORMAT}.sqlite"
            self._database = _opened(file)
            if self._database is None:  # damaged
                with suppress(OSError):
                    file.unlink()
                    self._database = _opened(file)

    def close(self) -> None:
        """Let go of the file."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def digest(self, path: Path, stat: os.stat_result) -> bytes | None:
        """The hash of a file's bytes, if it is known and the file has not changed."""
        row = self._one("SELECT digest, stat FROM files WHERE path = ?", os.fsencode(path))
        return row[0] if row is not None and row[1] == _stamp(stat) else None

    def facts(self, digest: bytes) -> ImageFacts | None:
        """What is known about an image."""
        row = self._one("SELECT height, width, thumb FROM images WHERE digest = ?", digest)
        return None if row is None else ImageFacts(digest, (row[0], row[1]), row[2])

    def target(self, key: bytes) -> str | None:
        """What is known about a target, as it was kept."""
        row = self._one("SELECT facts FROM targets WHERE key = ?", key)
        return None if row is None else row[0]

    def keep(
        self,
        images: Iterable[ImageFacts],
        files: Iterable[tuple[Path, os.stat_result, bytes]],
        targets: Iterable[tuple[bytes, str]] = (),
    ) -> None:
        """Keep what was found."""
        settled = time.time() - SETTLED_S
        rows = [
            (os.fsencode(path), _stamp(stat), digest)
            for path, stat, digest in files
            if max(stat.st_mtime, stat.st_ctime) < settled
        ]
        with self._lock, suppress(sqlite3.Error):
            if self._database is not None:
                with self._database:  # one transaction
                    self._database.executemany(
                        "INSERT OR REPLACE INTO images VALUES (?, ?, ?, ?)",
                        [(i.digest, *i.image_hw, i.thumb) for i in images],
                    )
                    self._database.executemany(
                        "INSERT OR REPLACE INTO targets VALUES (?, ?)", list(targets)
                    )
                    self._database.executemany(
                        "INSERT OR REPLACE INTO files VALUES (?, ?, ?)", rows
                    )

    def _one(self, query: str, key: bytes) -> tuple | None:
        with self._lock, suppress(sqlite3.Error):
            if self._database is not None:
                return self._database.execute(query, (key,)).fetchone()
        return None


def _opened(file: Path) -> sqlite3.Connection | None:
    database = None
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(file, timeout=10, check_same_thread=False)
        database.executescript(_TABLES)
        return database
    except (OSError, sqlite3.Error):
        if database is not None:
            database.close()
        return None


def _stamp(stat: os.stat_result) -> str:
    """The change time too: programs that copy may set the other one back."""
    return f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}"
